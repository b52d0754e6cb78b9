import { setImmediate as nextTurn } from "node:timers/promises";
import { AwsFailure } from "../../src/backends/aws/aws-failure.ts";
import type { GroupPolicies } from "../../src/backends/aws/sts/iam-policies.ts";
import type { SessionAws } from "../../src/backends/aws/sts/session-aws.ts";
import type { SessionCredentials, SessionLimits } from "../../src/backends/aws/sts/sts.ts";
import { awsFailure, type FakeFault } from "./fake-iam.ts";

/** A call as it was sent. */
export interface FakeStsCall {
  readonly number: number;
  readonly name: string;
  /** Name, with what it is about: `assumeRole arn:…`. */
  readonly text: string;
}

/** A session that was made. */
export interface FakeSession {
  readonly kind: "assumeRole" | "getFederationToken" | "getSessionToken";
  readonly name: string;
  readonly roleArn: string | undefined;
  readonly externalId: string | undefined;
  readonly limits: SessionLimits | undefined;
  readonly mfa: { readonly serialNumber: string; readonly code: string } | undefined;
  readonly durationSeconds: number;
  readonly issuedAtMs: number;
  readonly credentials: SessionCredentials;
}

/** How the fake behaves. All can be changed at any time. */
export interface FakeStsKnobs {
  /** Decides what goes wrong with a call. */
  fault: (call: FakeStsCall) => FakeFault | undefined;
  /** Holds a call back, after it was sent and before it takes effect. */
  hold: (call: FakeStsCall) => Promise<void> | undefined;
  /** How many characters the inline policies of a role may have. */
  rolePolicyCharactersMax: number;
}

/** AWS's token service and the policies of roles and groups in memory, as the ports have them. */
export interface FakeSts extends SessionAws {
  readonly made: FakeSession[];
  readonly calls: FakeStsCall[];
  readonly knobs: FakeStsKnobs;
  /** Inline policies by role and name; a role that is not in it does not exist. */
  readonly roles: Map<string, Map<string, string>>;
  readonly groups: Map<string, GroupPolicies>;
  /** Sessions that have not ended, and that no inline policy of their role denies. */
  working(): readonly FakeSession[];
  /** Those of them whose credentials were told: no reply was lost. */
  held(): readonly FakeSession[];
  closed(): number;
}

/** Makes a fake with one role, `reader`, and no groups. */
export function createFakeSts(clock: { readonly nowMs: () => number }): FakeSts {
  const calls: FakeStsCall[] = [];
  const made: FakeSession[] = [];
  const roles = new Map([["reader", new Map<string, string>()]]);
  const groups = new Map<string, GroupPolicies>();
  const knobs: FakeStsKnobs = {
    fault: () => undefined,
    hold: () => undefined,
    rolePolicyCharactersMax: 10_240,
  };
  const untold = new Set<unknown>();
  let closed = 0;

  async function call<T>(text: string, signal: AbortSignal, effect: () => T): Promise<T> {
    const sent: FakeStsCall = { number: calls.length, name: text.split(" ", 1)[0] ?? "", text };
    calls.push(sent);
    await nextTurn();
    await knobs.hold(sent);
    if (signal.aborted) throw awsFailure("unknown", "AbortError");
    const fault = knobs.fault(sent);
    if (fault instanceof AwsFailure) throw fault;
    const answer = effect();
    await nextTurn();
    if (fault !== "lost reply") return answer;
    untold.add(answer);
    throw awsFailure("unknown", "ECONNRESET");
  }

  const open = (session: Omit<FakeSession, "issuedAtMs" | "credentials">): SessionCredentials => {
    const issuedAtMs = clock.nowMs();
    const number = String(made.length + 1).padStart(12, "0");
    const credentials: SessionCredentials = {
      accessKey: `ASIAFAKE${number}`,
      secretKey: `secret-of-${number}`,
      sessionToken: `token-of-${number}`,
      endsAtMs: Math.floor(issuedAtMs / 1000 + session.durationSeconds) * 1000,
    };
    made.push({ ...session, issuedAtMs, credentials });
    return credentials;
  };
  const noRole = (role: string) =>
    awsFailure("absent", "NoSuchEntity", `The role with name ${role} cannot be found.`);
  const policiesOf = (role: string): Map<string, string> => {
    const policies = roles.get(role);
    if (policies === undefined) throw noRole(role);
    return policies;
  };

  const working = () =>
    made.filter((session) => session.credentials.endsAtMs > clock.nowMs() && !isDenied(session, roles));

  return {
    made,
    calls,
    knobs,
    roles,
    groups,
    closed: () => closed,
    working,
    held: () => working().filter(({ credentials }) => !untold.has(credentials)),
    close: () => void closed++,
    sts: {
      assumeRole: ({ roleArn, sessionName, externalId, durationSeconds, signal, ...limits }) =>
        call(`assumeRole ${roleArn}`, signal, () => {
          if (!roles.has(roleName(roleArn))) throw awsFailure("refused", "AccessDenied");
          const session = { roleArn, externalId, limits, durationSeconds, mfa: undefined };
          return open({ kind: "assumeRole", name: sessionName, ...session });
        }),
      getFederationToken: ({ name, durationSeconds, signal, ...limits }) =>
        call(`getFederationToken ${name}`, signal, () => {
          const session = { limits, durationSeconds, mfa: undefined, roleArn: undefined };
          return open({ kind: "getFederationToken", name, externalId: undefined, ...session });
        }),
      getSessionToken: ({ mfa, durationSeconds, signal }) =>
        call("getSessionToken", signal, () => {
          const session = { durationSeconds, mfa, limits: undefined, roleArn: undefined };
          return open({ kind: "getSessionToken", name: "", externalId: undefined, ...session });
        }),
      getCallerIdentity: ({ signal }) =>
        call("getCallerIdentity", signal, () => ({
          account: "111122223333",
          arn: "arn:aws:iam::111122223333:user/root-of-leasehold",
          userId: "AIDAFAKE",
        })),
    },
    policies: {
      readGroup: ({ group, signal }) =>
        call(`readGroup ${group}`, signal, () => {
          const policies = groups.get(group);
          if (policies === undefined) throw awsFailure("absent", "NoSuchEntity", `No group ${group}.`);
          return policies;
        }),
      putRolePolicy: ({ role, policy, document, signal }) =>
        call(`putRolePolicy ${role}`, signal, () => {
          const policies = policiesOf(role);
          const others = [...policies].filter(([name]) => name !== policy).map(([, text]) => text);
          const size = [...others, document].join("").replace(/\s/g, "").length;
          if (size > knobs.rolePolicyCharactersMax)
            throw awsFailure("refused", "LimitExceeded", "Maximum policy size exceeded.");
          policies.set(policy, document);
        }),
      getRolePolicy: ({ role, policy, signal }) =>
        call(`getRolePolicy ${role}`, signal, () => {
          const document = policiesOf(role).get(policy);
          if (document === undefined) throw awsFailure("absent", "NoSuchEntity", `No policy ${policy}.`);
          return document;
        }),
      deleteRolePolicy: ({ role, policy, signal }) =>
        call(`deleteRolePolicy ${role}`, signal, () => {
          if (!policiesOf(role).delete(policy))
            throw awsFailure("absent", "NoSuchEntity", `No policy ${policy}.`);
        }),
    },
  };
}

function roleName(arn: string): string {
  return arn.slice(arn.lastIndexOf("/") + 1);
}

interface Denial {
  readonly Condition: {
    readonly StringLike?: { readonly "aws:userid": readonly string[] };
    readonly DateLessThan?: { readonly "aws:TokenIssueTime": string };
  };
}

/** Says whether a policy denies a session; it knows the two conditions that ours have. */
function isDenied(session: FakeSession, roles: ReadonlyMap<string, ReadonlyMap<string, string>>): boolean {
  if (session.roleArn === undefined) return false;
  const documents = [...(roles.get(roleName(session.roleArn))?.values() ?? [])];
  const statements = documents.flatMap((text) => (JSON.parse(text) as { Statement: Denial[] }).Statement);
  return statements.some(({ Condition: { StringLike: byName, DateLessThan: byTime } }) => {
    if (byName?.["aws:userid"].includes(`*:${session.name}`)) return true;
    const issuedAtMs = Math.floor(session.issuedAtMs / 1000) * 1000;
    return byTime !== undefined && issuedAtMs < Date.parse(byTime["aws:TokenIssueTime"]);
  });
}
