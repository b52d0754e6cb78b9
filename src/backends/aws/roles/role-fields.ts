import {
  boolField,
  durationField,
  type Field,
  type FieldValues,
  intField,
  invalidField,
  jsonField,
  listField,
  mapField,
  stringField,
} from "../../../core/field.ts";
import { leasesMax } from "../../../core/tuning.ts";
import { credentialTypes, defaultUserPath } from "../role.ts";
import { roleArnPattern } from "../sts/aws-role-arn.ts";

const policyArn = /^arn:aws[\w-]*:iam::(?:\d{12}|aws):policy\/[\x21-\x7e]{1,640}$/;
const variables = "{{caller.name}}, {{caller.id}}, {{role}}, {{mount}}, {{lease.id}} and {{lease.uuid}}";

/** A field for which an empty text means that nothing is said: so a role can be written the way it is read. */
function orEmpty<Value>(field: Field<Value>): Field<Value | undefined> {
  return { ...field, parse: (value, name) => (value === "" ? undefined : field.parse(value, name)) };
}

/** A field that others have as a list; more than one item is refused. */
function oneOf<Value>(field: Field<Value>): Field<Value> {
  return {
    ...field,
    parse(value, name) {
      if (!Array.isArray(value)) return field.parse(value, name);
      const [item = null, ...more] = value;
      if (more.length === 0 && item !== null) return field.parse(item, name);
      throw invalidField(name, `must be one type: it has ${value.length}. Write a role for each.`);
    },
  };
}

/** The fields of a role. Which of them a role can have depends on its type. */
export const roleFields = {
  credential_type: oneOf(
    stringField("What is issued: the key of an IAM user, or a session of AWS's token service.", {
      defaultText: "iam_user",
      allowed: credentialTypes,
    }),
  ),
  policy_document: orEmpty(
    jsonField(
      "What the credentials may do: an IAM policy, as JSON text or object. Of a user it is the inline policy, of a session the most " +
        `that it may do. Resource, NotResource and the values of Condition can hold ${variables}.`,
      { code: "INVALID_POLICY" },
    ),
  ),
  policy_arns: listField(
    "ARNs of managed policies: attached to the user, at most 20 (AWS allows 10 unless raised), or limiting the session, at most 10.",
    {
      countMax: 20,
      item: { regexp: policyArn, words: "ARNs such as arn:aws:iam::aws:policy/ReadOnlyAccess" },
    },
  ),
  role_arns: listField(
    "ARNs of the AWS roles that can be assumed (assumed_role). Where there are several, a request names one.",
    {
      countMax: 50,
      item: { regexp: roleArnPattern, words: "ARNs such as arn:aws:iam::123456789012:role/deploy" },
    },
  ),
  iam_groups: listField(
    "Names of groups, at most 10: a user is put in them; a session is limited by their policies, besides the role's own.",
    { countMax: 10, item: { regexp: /^[\w+=,.@-]{1,128}$/, words: "names of IAM groups" } },
  ),
  iam_tags: mapField(
    `Tags for the leased users (iam_user), besides leasehold's own. Values can hold ${variables}.`,
    { countMax: 50 },
  ),
  permissions_boundary_arn: orEmpty(
    stringField("ARN of the policy that bounds what the leased users can be allowed (iam_user).", {
      pattern: { regexp: policyArn, words: "the ARN of a managed policy" },
    }),
  ),
  user_path: orEmpty(
    stringField("IAM path of the leased users (iam_user).", {
      defaultText: defaultUserPath,
      lengthMax: 512,
      pattern: {
        regexp: /^\/(?:[\x21-\x7e]+\/)?$/,
        words: 'a path that begins and ends with a slash, such as "/leasehold/"',
      },
    }),
  ),
  default_ttl: durationField("TTL of a lease where the request gives none. 0 means that the role sets none."),
  max_ttl: durationField(
    "The longest that a lease may live, renewals included. 0 means that the role sets none.",
  ),
  external_id: orEmpty(
    stringField("External id that AssumeRole is sent with (assumed_role).", {
      pattern: { regexp: /^[\w+=,.@:/-]{2,1224}$/, words: "2 to 1,224 letters, digits or _+=,.@:/-" },
    }),
  ),
  session_tags: mapField(
    `Tags of the session (assumed_role, federation_token). Values can hold ${variables}.`,
    { countMax: 50 },
  ),
  mfa_serial_number: orEmpty(
    stringField("MFA device of the root key's user, as serial number or ARN (session_token).", {
      pattern: { regexp: /^[\w+=/:,.@-]{9,256}$/, words: "a serial number, or the ARN of a virtual device" },
    }),
  ),
  max_leases: intField(
    "How many leases of the role may live at the same time. 0 means that the role sets no limit.",
    { min: 0, max: leasesMax },
  ),
  revoke_sessions: boolField(
    "Whether the end of a lease cuts its session off at the AWS role (assumed_role), which must be of the root key's own account.",
    { defaultText: "false" },
  ),
  deadmans_switch: boolField(
    "Whether users carry a statement that denies everything once their lease is over (iam_user).",
    { defaultText: "true" },
  ),
  deadmans_switch_grace: durationField(
    "How long after the end of the lease that statement denies (iam_user). 0 means that the role says nothing, and config/lease does.",
    { defaultText: "0" },
  ),
  policy: orEmpty(jsonField("Old name of policy_document.", { code: "INVALID_POLICY" })),
  arn: orEmpty(stringField("Old name of policy_arns, or with assumed_role of role_arns, for one ARN.")),
};

/** The fields of a role as a request gives them. */
export type RoleFields = FieldValues<typeof roleFields>;

/** The name of a field of a role. */
export type RoleFieldName = keyof RoleFields;

/** The ARN that the old field `arn` can hold, by what it is of. */
export const oldArnPatterns = { policy: policyArn, role: roleArnPattern } as const;
