import { boolField, durationField, type FieldValues, intField, stringField } from "../../../core/field.ts";
import { defaultUserHeadRoom } from "../pacing/head-room.ts";
import { defaultMaxRetries, defaultRegion } from "../root-config.ts";
import { defaultUserNameTemplate } from "../user-name.ts";

const url = {
  regexp: /^https?:\/\/[^\s/?#@]+(?:\/[^\s?#]*)?$|^$/,
  words: "a URL such as https://iam.example.com",
};

/** The fields of config/root. Of texts that can be taken away, an empty one does so. */
export const rootFields = {
  access_key: stringField(
    "Id of the root key: an access key of an IAM user that may manage the leased users. Empty, or never given, the credentials are those of the server's surroundings.",
    {
      pattern: {
        regexp: /^\w{16,128}$|^$/,
        words: "the id of an access key: 16 to 128 letters and digits",
      },
    },
  ),
  secret_key: stringField("Secret of the root key. It is stored sealed, and cannot be read back.", {
    isSecret: true,
    lengthMax: 256,
    pattern: { regexp: /^[\x21-\x7e]+$/, words: "the secret of an access key, without spaces" },
  }),
  role_arn: stringField(
    "ARN of an AWS role that is assumed with the key, or with the credentials of the surroundings. Empty takes it away.",
    {
      lengthMax: 2048,
      pattern: {
        regexp: /^arn:aws[a-z-]*:iam::\d{12}:role\/[\u0021-\u007e]+$|^$/,
        words: "the ARN of a role such as arn:aws:iam::123456789012:role/leasehold",
      },
    },
  ),
  external_id: stringField("Goes with the call that assumes role_arn. Empty takes it away.", {
    pattern: {
      regexp: /^[\w+=,.@:/-]{2,1224}$|^$/,
      words: "2 to 1,224 letters, digits or _+=,.@:/-",
    },
  }),
  region: stringField("AWS region that calls are signed for.", {
    defaultText: defaultRegion,
    pattern: { regexp: /^[a-z0-9-]{1,64}$/, words: "a region such as us-east-1" },
  }),
  iam_endpoint: stringField("URL of IAM, where it is not AWS's own. Empty takes it away.", {
    lengthMax: 1024,
    pattern: url,
  }),
  sts_endpoint: stringField("URL of STS, where it is not AWS's own. Empty takes it away.", {
    lengthMax: 1024,
    pattern: url,
  }),
  max_retries: intField(
    "How often an unanswered or throttled call of an issue is sent again; -1 is the default.",
    { min: -1, max: 10, defaultText: String(defaultMaxRetries) },
  ),
  username_template: stringField(
    "How users are named before the digits of their lease, with variables such as {{role}}. Empty takes it away.",
    { lengthMax: 512, defaultText: defaultUserNameTemplate },
  ),
  user_headroom: intField(
    "How many users of the account's quota are left free: nothing is issued that would take one of them. -1 is the default.",
    { min: -1, max: 5000, defaultText: String(defaultUserHeadRoom) },
  ),
  rotation_period: durationField(
    "How often the root key is rotated by itself, at least every minute; 0 takes it away. It takes a key of its own and STS.",
  ),
  validate: boolField(
    "Whether AWS is asked, before anything is stored, if it accepts the credentials, and which permissions they lack.",
    { defaultText: "true" },
  ),
};

/** Values of the fields of config/root. */
export type RootFields = FieldValues<typeof rootFields>;

/** Name of a field of config/root. */
export type RootFieldName = keyof typeof rootFields;
