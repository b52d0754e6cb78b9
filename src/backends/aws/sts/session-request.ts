import { quote } from "../../../core/errors.ts";
import { type FieldValues, invalidField, stringField } from "../../../core/field.ts";
import type { CredentialType, Role } from "../role.ts";
import { leaseSuffixLength, sessionNameLengthMax } from "./session-name.ts";

/** The fields of a request for a session, besides its TTL. */
export const sessionFields = {
  role_arn: stringField(
    'ARN of the AWS role to assume, one of "role_arns" of the role; needed where it has several.',
    { lengthMax: 2048 },
  ),
  role_session_name: stringField("Name of the session of an AWS role. By default it names the lease.", {
    pattern: {
      regexp: /^[\w+=,.@-]{2,64}$/,
      words: "2 to 64 letters, digits, or one of _+=,.@-",
    },
  }),
  mfa_code: stringField('Code of the MFA device that the role names as "mfa_serial_number".', {
    isSecret: true,
    pattern: { regexp: /^\d{6}$/, words: "the six digits that the device shows" },
  }),
};

/** What a request says about its session. */
export type SessionRequest = Partial<FieldValues<typeof sessionFields>>;

/** What a request comes to, for a role. */
export interface SessionChoice {
  readonly roleArn: string | undefined;
  readonly sessionName: string | undefined;
  readonly mfaCode: string | undefined;
}

/** Puts a request and a role together. Throws `INVALID_FIELD` for what is missing, and for what does not go with the type of the role. */
export function chooseSession(
  request: SessionRequest,
  { role, roleName }: { readonly role: Role; readonly roleName: string },
): SessionChoice {
  const where = { role, roleName };
  refuseOthers(request, "role_arn", "assumed_role", where);
  refuseOthers(request, "role_session_name", "assumed_role", where);
  refuseOthers(request, "mfa_code", "session_token", where);
  return {
    roleArn: role.credentialType === "assumed_role" ? chooseRoleArn(request.role_arn, where) : undefined,
    sessionName: chooseName(request.role_session_name, role),
    mfaCode: chooseMfaCode(request.mfa_code, where),
  };
}

interface Where {
  readonly role: Role;
  readonly roleName: string;
}

/** Refuses the fields of a session in a request for the access key of an IAM user. Throws `INVALID_FIELD`. */
export function refuseSessionFields(request: SessionRequest, where: Where): void {
  refuseOthers(request, "role_arn", "assumed_role", where);
  refuseOthers(request, "role_session_name", "assumed_role", where);
  refuseOthers(request, "mfa_code", "session_token", where);
}

function refuseOthers(
  request: SessionRequest,
  field: keyof SessionRequest,
  type: CredentialType,
  { role, roleName }: Where,
): void {
  if (request[field] === undefined || role.credentialType === type) return;
  throw invalidField(
    field,
    `is for roles of type ${quote(type)}; role ${quote(roleName)} is of type ${quote(role.credentialType)}. Leave it out.`,
  );
}

function chooseRoleArn(wanted: string | undefined, { role, roleName }: Where): string {
  const { roleArns } = role;
  const [first, ...others] = roleArns;
  if (first === undefined) {
    throw invalidField("role_arns", `of role ${quote(roleName)} is empty. Write at least one ARN to it.`);
  }
  const all = roleArns.map(quote).join(", ");
  if (wanted === undefined) {
    if (others.length === 0) return first;
    throw invalidField("role_arn", `is missing: role ${quote(roleName)} has several. Name one of ${all}.`);
  }
  if (roleArns.includes(wanted)) return wanted;
  throw invalidField(
    "role_arn",
    `must be one of ${all}, as role ${quote(roleName)} has them, not ${quote(wanted)}.`,
  );
}

function chooseName(wanted: string | undefined, { revokeSessions }: Role): string | undefined {
  const lengthMax = sessionNameLengthMax - (revokeSessions ? leaseSuffixLength : 0);
  if (wanted === undefined || wanted.length <= lengthMax) return wanted;
  throw invalidField(
    "role_session_name",
    `must be at most ${lengthMax} characters for a role with "revoke_sessions", which adds ${leaseSuffixLength} that tell the lease; it has ${wanted.length}.`,
  );
}

function chooseMfaCode(given: string | undefined, { role, roleName }: Where): string | undefined {
  const { mfaSerialNumber } = role;
  if (mfaSerialNumber !== undefined && given === undefined) {
    throw invalidField(
      "mfa_code",
      `is missing: role ${quote(roleName)} names the MFA device ${quote(mfaSerialNumber)}. Send the six digits that it shows.`,
    );
  }
  if (mfaSerialNumber === undefined && given !== undefined) {
    throw invalidField(
      "mfa_code",
      `is given, but role ${quote(roleName)} names no MFA device. Write "mfa_serial_number" to the role, or leave the code out.`,
    );
  }
  return given;
}
