import { AwsFailure } from "../aws-failure.ts";
import type { AwsQuery } from "../aws-query.ts";
import type { NewAccessKey } from "../iam.ts";
import { membersAt, textAt } from "../query-xml.ts";
import type { OpenRoot } from "../root-access.ts";
import type { KeyProbe } from "../users/wait-for-ready.ts";

/** An access key of a user, as far as AWS tells it. Times in milliseconds since 1970. */
export interface UserKey {
  readonly id: string;
  readonly createdAtMs: number | undefined;
}

/** What is known about the keys of users. */
export interface KeyDescriber {
  /** All keys of a user. Rejects with `AwsFailure`. */
  list(call: { readonly user: string; readonly signal: AbortSignal }): Promise<readonly UserKey[]>;
  /** When a key was last used; undefined where it never was. Rejects with `AwsFailure`. */
  lastUsedAtMs(call: { readonly id: string; readonly signal: AbortSignal }): Promise<number | undefined>;
}

/** What a rotation asks of AWS. Every call is sent once, and rejects with `AwsFailure`. */
export interface UserKeys extends KeyDescriber {
  create(call: { readonly user: string; readonly signal: AbortSignal }): Promise<NewAccessKey>;
  remove(call: { readonly user: string; readonly id: string; readonly signal: AbortSignal }): Promise<void>;
  /** Asks AWS whether it knows a new key. */
  readonly probe: KeyProbe;
}

/** More pages than this of two keys are no answer of AWS. */
const pagesMax = 10;

/** Makes the describer of keys from a client of the Query protocol. */
export function keyDescriber(query: AwsQuery["query"]): KeyDescriber {
  return {
    async list({ user, signal }) {
      const keys: UserKey[] = [];
      let marker: string | undefined;
      for (let page = 0; page < pagesMax; page++) {
        const parameters = { UserName: user, Marker: marker };
        const answer = await query({ service: "iam", action: "ListAccessKeys", parameters, signal });
        for (const key of membersAt(answer, "AccessKeyMetadata")) {
          const createdAtMs = Date.parse(textAt(key, "CreateDate") ?? "");
          const id = textAt(key, "AccessKeyId");
          if (id) keys.push({ id, createdAtMs: Number.isNaN(createdAtMs) ? undefined : createdAtMs });
        }
        marker = textAt(answer, "Marker");
        if (textAt(answer, "IsTruncated") !== "true" || !marker) return keys;
      }
      throw new AwsFailure("unknown", "IncompleteAnswer", { message: "The list of keys has no end." });
    },
    async lastUsedAtMs({ id, signal }) {
      const parameters = { AccessKeyId: id };
      const answer = await query({ service: "iam", action: "GetAccessKeyLastUsed", parameters, signal });
      const usedAtMs = Date.parse(textAt(answer, "AccessKeyLastUsed", "LastUsedDate") ?? "");
      return Number.isNaN(usedAtMs) ? undefined : usedAtMs;
    },
  };
}

/** What a rotation asks of AWS, by the root credentials and with their turn among all calls; `probe` asks STS with the new key. */
export function userKeysOf({ iam, keys }: OpenRoot, probe: KeyProbe): UserKeys {
  return {
    list: async ({ user, signal }) =>
      keys === undefined
        ? (await iam.list({ user, belonging: "accessKey", signal })).map((id) => ({
            id,
            createdAtMs: undefined,
          }))
        : await keys.list({ user, signal }),
    lastUsedAtMs: async (call) => await keys?.lastUsedAtMs(call),
    create: ({ user, signal }) => iam.createAccessKey({ user, signal }),
    remove: ({ user, id, signal }) => iam.remove({ user, belonging: "accessKey", id, signal }),
    probe,
  };
}
