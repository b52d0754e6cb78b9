import { type CallContext, defineAction, type Target } from "../action.ts";
import { isAllowed, isDenied } from "../authorization.ts";
import { awsError } from "../aws-error.ts";
import type { Role, Session, Tags } from "../entities.ts";
import { arn, type Field, integer, optional, policyText, tagKeys, tags, text } from "../fields.ts";
import { secretAccessKey, sessionToken, uniqueId } from "../ids.ts";
import { verdictOf } from "../policy/evaluate.ts";
import { Policy } from "../policy/policy.ts";
import { requestLookup } from "../request-lookup.ts";
import { isTotpCode } from "../totp.ts";
import { isoTime, type XmlObject } from "../xml.ts";
import { mfaCode, serialNumber } from "./mfa-devices.ts";

const sessionName = (maxChars: number) => text({ minChars: 2, maxChars, pattern: /^[\w+=,.@-]*$/ });

const policyArnsMax = 10;

const policyArns: Field<string[]> = {
  read: (parameters, name) => {
    const arns = (parameters.structures(name, "arn") ?? []).map((entry) => entry("arn") ?? "");
    if (arns.length <= policyArnsMax) return arns;
    const sentence = `1 validation error detected: Value at 'policyArns' failed to satisfy constraint: Member must have length less than or equal to ${policyArnsMax}`;
    throw awsError("ValidationError", sentence);
  },
};

const mfaFields = { SerialNumber: optional(serialNumber), TokenCode: optional(mfaCode) };

const sessionPolicyCharsMax = 2048;

/** A role assumed from a role's session is chained, and chains are cut to one hour. */
const chainedSecondsMax = 3600;

function sessionPolicies(given: string | undefined): Policy[] | undefined {
  if (given === undefined) return undefined;
  if (given.length > sessionPolicyCharsMax) {
    const sentence = `1 validation error detected: Value at 'policy' failed to satisfy constraint: Member must have length less than or equal to ${sessionPolicyCharsMax}`;
    throw awsError("ValidationError", sentence);
  }
  return [new Policy(given)];
}

function openSession(
  { account, nowMs }: CallContext,
  options: { seconds: number } & Pick<
    Session,
    "kind" | "name" | "ownerId" | "policies" | "policyArns" | "tags" | "hasMfa"
  >,
): XmlObject {
  for (const policyArn of options.policyArns) account.policy(policyArn);
  const { seconds, ...rest } = options;
  const session: Session = {
    ...rest,
    accessKeyId: uniqueId("ASIA"),
    secret: secretAccessKey(),
    token: sessionToken(),
    issuedAtMs: nowMs,
    // AWS counts the end in whole seconds, as it shows it.
    expiresAtMs: Math.floor(nowMs / 1000 + seconds) * 1000,
  };
  account.addSession(session);
  return {
    AccessKeyId: session.accessKeyId,
    SecretAccessKey: session.secret,
    SessionToken: session.token,
    Expiration: isoTime(session.expiresAtMs),
  };
}

/** Checks an MFA code of the caller's own device; false when none was given. */
function provedMfa(
  context: CallContext,
  input: { SerialNumber: string | undefined; TokenCode: string | undefined },
): boolean {
  const { SerialNumber, TokenCode } = input;
  if (SerialNumber === undefined && TokenCode === undefined) return false;
  const device = SerialNumber === undefined ? undefined : context.account.mfaDevices.get(SerialNumber);
  const isOwn = device?.userId !== undefined && device.userId === context.caller.user?.id;
  const isRight =
    isOwn &&
    TokenCode !== undefined &&
    isTotpCode(Buffer.from(device.seed, "base64"), TokenCode, context.nowMs);
  if (isRight) return true;
  throw awsError("AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code.");
}

const getCallerIdentity = defineAction({
  service: "sts",
  name: "GetCallerIdentity",
  fields: {},
  // AWS answers this one whatever the caller's policies say.
  target: () => undefined,
  run: ({ account, caller }) => ({ Arn: caller.arn, UserId: caller.userId, Account: account.id }),
});

function refuseFrom(context: CallContext, kinds: Session["kind"][], action: string): void {
  if (context.caller.kind !== "user" && kinds.includes(context.caller.kind)) {
    throw awsError("AccessDenied", `Cannot call ${action} with session credentials`);
  }
}

type TrustedAction = "sts:AssumeRole" | "sts:TagSession";

/** Tells whether a role's trust policy lets a caller in, by itself or together with the caller's own policies. */
function trusts(
  context: CallContext,
  role: Role,
  { action, target }: { action: TrustedAction; target: Target },
): "alone" | "jointly" | "no" {
  const { account, caller } = context;
  const lookup = requestLookup(context, target);
  const question = { action, resource: target.arn, lookup };
  const direct = ["*", caller.arn, caller.policyArn, caller.userId];
  const accounts = [account.id, `arn:aws:iam::${account.id}:root`];
  const named = (names: string[]) => ({
    statements: role.trust.document.statements.filter(({ principals }) =>
      principals.some((principal) => names.includes(principal)),
    ),
  });
  const whole = verdictOf([named([...direct, ...accounts])], question);
  if (whole !== "allow") return "no";
  return verdictOf([named(direct)], question) === "allow" ? "alone" : "jointly";
}

/** Refuses a caller that a role does not trust with an action. AWS does not tell an unknown role from one that may not be assumed. */
function checkTrust(
  context: CallContext,
  role: Role | undefined,
  action: TrustedAction,
  target: Target,
): void {
  const trust = role === undefined ? "no" : trusts(context, role, { action, target });
  const isLetIn =
    trust === "alone"
      ? !isDenied(context, action, target)
      : trust === "jointly" && isAllowed(context, action, target);
  if (isLetIn) return;
  throw awsError(
    "AccessDenied",
    `User: ${context.caller.arn} is not authorized to perform: ${action} on resource: ${target.arn}`,
  );
}

const assumeRole = defineAction({
  service: "sts",
  name: "AssumeRole",
  fields: {
    RoleArn: arn,
    RoleSessionName: sessionName(64),
    DurationSeconds: integer({ min: 900, max: 43_200, fallback: 3600 }),
    Policy: optional(policyText),
    PolicyArns: policyArns,
    ExternalId: optional(text({ minChars: 2, maxChars: 1224, pattern: /^[\w+=,.@:/-]*$/ })),
    Tags: tags,
    TransitiveTagKeys: tagKeys,
    ...mfaFields,
  },
  // Whether the caller's own policies are asked depends on the trust policy, so run() decides.
  target: () => undefined,
  run: (call) => {
    const { account, caller, input } = call;
    refuseFrom(call, ["federated-user"], "AssumeRole");
    const named = account.roles.find(input.RoleArn.slice(input.RoleArn.lastIndexOf("/") + 1));
    const isSame = named !== undefined && account.arn("role", named.path, named.name) === input.RoleArn;
    const role = isSame ? named : undefined;
    const hasMfa = provedMfa(call, input);
    const keys = {
      "sts:externalid": input.ExternalId,
      "sts:rolesessionname": input.RoleSessionName,
      ...(hasMfa ? { "aws:multifactorauthpresent": "true" } : {}),
    };
    const target = { arn: input.RoleArn, tags: role?.tags, requestTags: input.Tags, keys };
    checkTrust(call, role, "sts:AssumeRole", target);
    if (role === undefined) throw new Error("An unknown role is trusted with nothing.");
    if (input.Tags.size > 0) checkTrust(call, role, "sts:TagSession", target);
    if (caller.kind === "assumed-role" && input.DurationSeconds > chainedSecondsMax) {
      const sentence =
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.";
      throw awsError("ValidationError", sentence);
    }
    if (input.DurationSeconds > role.maxSessionSeconds) {
      throw awsError(
        "ValidationError",
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
      );
    }
    const PackedPolicySize = packedSize(input);
    const credentials = openSession(call, {
      kind: "assumed-role",
      name: input.RoleSessionName,
      ownerId: role.id,
      policies: sessionPolicies(input.Policy),
      policyArns: input.PolicyArns,
      tags: input.Tags,
      hasMfa,
      seconds: input.DurationSeconds,
    });
    return {
      Credentials: credentials,
      AssumedRoleUser: {
        AssumedRoleId: `${role.id}:${input.RoleSessionName}`,
        Arn: `arn:aws:sts::${account.id}:assumed-role/${role.name}/${input.RoleSessionName}`,
      },
      PackedPolicySize,
    };
  },
});

/**
 * Percentage of the packed limit that a session's policies and tags take; undefined when there are none.
 *
 * @throws AwsError `PackedPolicyTooLarge` above it.
 */
function packedSize(input: {
  Policy: string | undefined;
  PolicyArns: string[];
  Tags: Tags;
}): number | undefined {
  const tagChars = Array.from(input.Tags.values(), ({ key, value }) => key.length + value.length);
  const arnChars = input.PolicyArns.map((policyArn) => policyArn.length);
  const chars = [input.Policy?.length ?? 0, ...arnChars, ...tagChars].reduce((sum, more) => sum + more, 0);
  if (chars === 0) return undefined;
  const percent = Math.max(1, Math.round((100 * chars) / (2 * sessionPolicyCharsMax)));
  if (percent <= 100) return percent;
  throw awsError(
    "PackedPolicyTooLarge",
    `Packed size of session tags consumes ${percent}% of allotted space.`,
  );
}

const getFederationToken = defineAction({
  service: "sts",
  name: "GetFederationToken",
  fields: {
    Name: sessionName(32),
    DurationSeconds: integer({ min: 900, max: 129_600, fallback: 43_200 }),
    Policy: optional(policyText),
    PolicyArns: policyArns,
    Tags: tags,
  },
  target: ({ account, input }) => ({
    arn: `arn:aws:sts::${account.id}:federated-user/${input.Name}`,
    requestTags: input.Tags,
  }),
  alsoNeeds: ({ input }) => (input.Tags.size > 0 ? ["sts:TagSession"] : []),
  run: (call) => {
    const { account, caller, input } = call;
    refuseFrom(call, ["assumed-role", "federated-user", "session-token"], "GetFederationToken");
    const PackedPolicySize = packedSize(input);
    const credentials = openSession(call, {
      kind: "federated-user",
      name: input.Name,
      ownerId: caller.userId,
      policies: sessionPolicies(input.Policy),
      policyArns: input.PolicyArns,
      tags: input.Tags,
      hasMfa: false,
      seconds: input.DurationSeconds,
    });
    return {
      Credentials: credentials,
      FederatedUser: {
        FederatedUserId: `${account.id}:${input.Name}`,
        Arn: `arn:aws:sts::${account.id}:federated-user/${input.Name}`,
      },
      PackedPolicySize,
    };
  },
});

const getSessionToken = defineAction({
  service: "sts",
  name: "GetSessionToken",
  fields: { DurationSeconds: integer({ min: 900, max: 129_600, fallback: 43_200 }), ...mfaFields },
  // AWS asks for no permission: the credentials may do no more than the caller's own.
  target: () => undefined,
  run: (call) => {
    refuseFrom(call, ["assumed-role", "federated-user", "session-token"], "GetSessionToken");
    const credentials = openSession(call, {
      kind: "session-token",
      name: "",
      ownerId: call.caller.userId,
      policies: undefined,
      policyArns: [],
      tags: new Map(),
      hasMfa: provedMfa(call, call.input),
      seconds: call.input.DurationSeconds,
    });
    return { Credentials: credentials };
  },
});

/** The actions of STS. */
export const sessionActions = [getCallerIdentity, assumeRole, getFederationToken, getSessionToken];
