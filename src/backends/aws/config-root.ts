import { CoreError, quote } from "../../core/errors.ts";
import { type FieldValues, intField, invalidField, stringField } from "../../core/field.ts";
import type { MountStorage } from "../../core/mount-storage.ts";
import { definePath, type PathDefinition } from "../../core/path.ts";
import { coreErrorOf } from "./aws-failure.ts";
import type { AccountAnswer, RootAccess } from "./root-access.ts";
import {
  defaultMaxRetries,
  defaultRegion,
  type RootConfig,
  reachesSameAccount,
  readRootConfig,
  rootConfigPath,
  updateRootConfig,
} from "./root-config.ts";

const url = {
  regexp: /^https?:\/\/[^\s/?#@]+(?:\/[^\s?#]*)?$/,
  words: "a URL such as https://iam.example.com",
};

const fields = {
  access_key: stringField(
    "Id of the root key: an access key of an IAM user that may manage the leased users.",
    {
      pattern: { regexp: /^\w{16,128}$/, words: "the id of an access key: 16 to 128 letters and digits" },
    },
  ),
  secret_key: stringField("Secret of the root key. It is stored sealed, and cannot be read back.", {
    isSecret: true,
    lengthMax: 256,
    pattern: { regexp: /^[\x21-\x7e]+$/, words: "the secret of an access key, without spaces" },
  }),
  region: stringField("AWS region that calls are signed for.", {
    defaultText: defaultRegion,
    pattern: { regexp: /^[a-z0-9-]{1,64}$/, words: "a region such as us-east-1" },
  }),
  iam_endpoint: stringField("URL of IAM, where it is not AWS's own. Empty takes it away.", {
    lengthMax: 1024,
    pattern: { regexp: new RegExp(`${url.regexp.source}|^$`), words: url.words },
  }),
  sts_endpoint: stringField("URL of STS, where it is not AWS's own. Empty takes it away.", {
    lengthMax: 1024,
    pattern: { regexp: new RegExp(`${url.regexp.source}|^$`), words: url.words },
  }),
  max_retries: intField(
    "How often an unanswered or throttled call of an issue is sent again; -1 is the default.",
    {
      min: -1,
      max: 10,
      defaultText: String(defaultMaxRetries),
    },
  ),
};

type RootFields = FieldValues<typeof fields>;

/** The path of the root key. It has no read: what is stored there is for leasehold alone. */
export function configRootPath(options: {
  readonly storage: MountStorage;
  readonly access: RootAccess;
  readonly liveLeases: () => Promise<number>;
}): PathDefinition {
  const { storage, access, liveLeases } = options;
  return definePath({
    pattern: rootConfigPath,
    summary: "The root key, with which leasehold manages users.",
    description:
      "The root key is an access key of an IAM user that may create and delete the leased users; which permissions it " +
      "needs is in docs/backends/aws.md. It can be written and not read. A field that is left out stays as it is.",
    params: {},
    fields,
    unsupportedFields: ["username_template", "role_arn", "external_id"],
    operations: {
      write: {
        summary: "Writes the root key, or what is given of it.",
        takes: Object.keys(fields) as (keyof typeof fields)[],
        handle: async ({ fields, mountPath, signal }) => {
          const before = await readRootConfig(storage);
          const wanted = merge(before, fields);
          if (before?.account !== undefined && reachesSameAccount(before, wanted)) {
            await updateRootConfig(storage, (now) => merge(now, fields));
            return {};
          }
          const answer = await access.askAccount(wanted, signal);
          const live = before === undefined ? 0 : await liveLeases();
          if (live > 0) refuseOtherAccount(before, answer, { live, mountPath });
          await updateRootConfig(storage, (now) => {
            const { account: _, ...merged } = merge(now, fields);
            const isAsked = answer.account !== undefined && reachesSameAccount(merged, wanted);
            return isAsked ? { ...merged, account: answer.account } : merged;
          });
          return { warnings: warningsOf(answer, { live, isNewKey: before?.accessKey !== wanted.accessKey }) };
        },
      },
    },
  });
}

/** Puts the given fields over what is stored. Throws `INVALID_FIELD` where no whole key comes of it. */
function merge(before: RootConfig | undefined, given: RootFields): RootConfig {
  const accessKey = given.access_key ?? before?.accessKey;
  const secretKey = given.secret_key ?? before?.secretKey;
  if (accessKey === undefined) {
    throw invalidField("access_key", "is missing: the first write needs access_key and secret_key.");
  }
  if (secretKey === undefined) {
    throw invalidField("secret_key", "is missing: the first write needs access_key and secret_key.");
  }
  if (before !== undefined && accessKey !== before.accessKey && given.secret_key === undefined) {
    throw invalidField(
      "secret_key",
      `is missing: the stored secret belongs to ${quote(before.accessKey)}, not to ${quote(accessKey)}.`,
    );
  }
  const region = given.region ?? before?.region;
  const iamEndpoint = given.iam_endpoint ?? before?.iamEndpoint;
  const stsEndpoint = given.sts_endpoint ?? before?.stsEndpoint;
  const maxRetries = given.max_retries ?? before?.maxRetries ?? -1;
  return {
    accessKey,
    secretKey,
    ...(region === undefined ? {} : { region }),
    ...(iamEndpoint ? { iamEndpoint } : {}),
    ...(stsEndpoint ? { stsEndpoint } : {}),
    ...(maxRetries < 0 ? {} : { maxRetries }),
    ...(before?.account === undefined ? {} : { account: before.account }),
  };
}

/** With another account's key the users of the leases that are out could not be deleted any more. */
function refuseOtherAccount(
  before: RootConfig | undefined,
  answer: AccountAnswer,
  where: { readonly live: number; readonly mountPath: string },
): void {
  if (before?.account === undefined || answer.account === undefined || before.account === answer.account)
    return;
  const { live, mountPath } = where;
  throw new CoreError(
    "INVALID_FIELD",
    `Field "access_key" must be a key of account ${before.account} while leases are out: it is one of account ` +
      `${answer.account}, and ${live} ${live === 1 ? "lease of this mount is" : "leases of this mount are"} live. ` +
      `Revoke them first (all below "${mountPath}/"), or mount the other account at a path of its own.`,
    {
      details: {
        field: "access_key",
        account: before.account,
        new_account: answer.account,
        live_leases: String(live),
      },
    },
  );
}

function warningsOf(
  answer: AccountAnswer,
  context: { readonly live: number; readonly isNewKey: boolean },
): string[] {
  if (answer.account !== undefined) return [];
  const warnings: string[] = [];
  if (answer.failure !== undefined) {
    warnings.push(
      `The key was stored, but not tried: ${coreErrorOf(answer.failure, "ask AWS for its account").message}`,
    );
  }
  if (context.live > 0 && context.isNewKey) {
    warnings.push(
      `Whether the new key belongs to the account of the ${context.live} live leases is not known; their users can ` +
        "only be deleted if it does.",
    );
  }
  return warnings;
}
