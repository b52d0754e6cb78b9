import { hash, randomBytes, randomUUID } from "node:crypto";
import { CoreError } from "../../core/errors.ts";
import type { JsonObject } from "../../core/json.ts";
import type { MountStorage } from "../../core/mount-storage.ts";

const secretBytes = 32;
/** Most secret ids of one role: they are listed whole, and one for each job without a TTL would go on for ever. */
const secretIdsMax = 5000;
const sweptMs = 60_000;
const entry = (roleId: string, digest: string): string => `secret/${roleId}/${digest}`;
const accessorEntry = (roleId: string, accessor: string): string => `secret-accessor/${roleId}/${accessor}`;
/** What ends by itself lies in a folder by the minute in which it does, so that nobody has to look through all there is. */
const endingFolder = (endsAtMs: number): string =>
  `secret-ending/${String(Math.ceil(endsAtMs / sweptMs)).padStart(8, "0")}/`;
const endingEntry = (endsAtMs: number, roleId: string, accessor: string): string =>
  `${endingFolder(endsAtMs)}${roleId}.${accessor}`;
const digestOf = (secretId: string): string => hash("sha256", secretId, "hex");

/** The secret ids of roles: only digests of them are stored. Times are in milliseconds since 1970. */
export interface SecretIds {
  /** Makes one; it is shown this once. With 0 it does not end, or can be used without limit. Throws `LIMIT_EXCEEDED`. */
  make(
    roleId: string,
    limits: { readonly ttlMs: number; readonly usesMax: number },
    nowMs: number,
  ): Promise<{ readonly secretId: string; readonly accessor: string }>;
  /** Takes one use; answers why not where there is none. Of two who take the last one at once, one gets it. */
  use(roleId: string, secretId: string, nowMs: number): Promise<string | undefined>;
  /** Accessors of those of a role. */
  list(roleId: string): Promise<readonly string[]>;
  /** Ends one. One that is not there is fine. */
  destroy(roleId: string, accessor: string): Promise<void>;
  destroyAll(roleId: string): Promise<void>;
  /** Removes what has expired, within about a minute after it did. */
  sweep(nowMs: number, signal: AbortSignal): Promise<void>;
}

/** Makes the secret ids over the storage of their mount. */
export function createSecretIds(storage: MountStorage): SecretIds {
  const destroy = async (roleId: string, accessor: string): Promise<void> => {
    const { digest, endsAtMs } = (await storage.get(accessorEntry(roleId, accessor))) ?? {};
    if (typeof digest === "string") await storage.delete(entry(roleId, digest));
    await storage.delete(accessorEntry(roleId, accessor));
    if (typeof endsAtMs === "number" && endsAtMs > 0)
      await storage.delete(endingEntry(endsAtMs, roleId, accessor));
  };
  const list = (roleId: string) => storage.list(`secret-accessor/${roleId}/`);

  /** Takes one of the uses that are left, and removes the secret id with the last; answers why not where there is none. */
  const takeUse = async (path: string, roleId: string, nowMs: number): Promise<string | undefined> => {
    const refused = new Error();
    try {
      const { usesLeft, accessor } = await storage.update(path, (current): JsonObject => {
        const refusal = refusalOf(current, nowMs);
        if (refusal !== undefined) {
          refused.message = refusal;
          throw refused;
        }
        const left = typeof current?.usesLeft === "number" ? current.usesLeft : 0;
        return { ...current, usesLeft: left === 1 ? -1 : left - 1 };
      });
      if (usesLeft === -1 && typeof accessor === "string") await destroy(roleId, accessor);
      return undefined;
    } catch (error) {
      if (error === refused) return refused.message;
      throw error;
    }
  };

  return {
    list,
    destroy,
    async make(roleId, { ttlMs, usesMax }, nowMs) {
      if ((await list(roleId)).length >= secretIdsMax) throw tooMany();
      const secretId = randomBytes(secretBytes).toString("base64url");
      const accessor = randomUUID();
      const digest = digestOf(secretId);
      const endsAtMs = ttlMs === 0 ? 0 : nowMs + ttlMs;
      // What leads to it first: what can be used can be destroyed, and is swept.
      if (endsAtMs > 0) await storage.put(endingEntry(endsAtMs, roleId, accessor), { roleId, accessor });
      await storage.put(accessorEntry(roleId, accessor), { digest, endsAtMs });
      await storage.put(entry(roleId, digest), { accessor, endsAtMs, usesLeft: usesMax });
      return { secretId, accessor };
    },
    async use(roleId, secretId, nowMs) {
      const path = entry(roleId, digestOf(secretId));
      const found = await storage.get(path);
      const refusal = refusalOf(found, nowMs);
      // One without a limit is not written to: any number of logins can use it at once.
      if (refusal !== undefined || found?.usesLeft === 0) return refusal;
      return await takeUse(path, roleId, nowMs);
    },
    async destroyAll(roleId) {
      for (const accessor of await list(roleId)) await destroy(roleId, accessor);
    },
    async sweep(nowMs, signal) {
      for (const minute of await storage.list("secret-ending/")) {
        // The folder of a minute holds what ends up to then.
        if (Number(minute.replace("/", "")) * sweptMs > nowMs) return;
        for (const name of await storage.list(`secret-ending/${minute}`)) {
          if (signal.aborted) return;
          const { roleId, accessor } = (await storage.get(`secret-ending/${minute}${name}`)) ?? {};
          if (typeof roleId === "string" && typeof accessor === "string") await destroy(roleId, accessor);
          await storage.delete(`secret-ending/${minute}${name}`);
        }
      }
    },
  };
}

/** Why a secret id is not taken; undefined where it is. */
function refusalOf(found: JsonObject | undefined, nowMs: number): string | undefined {
  if (!found) return "There is no such secret id.";
  const { endsAtMs, usesLeft } = found;
  if (typeof endsAtMs === "number" && endsAtMs > 0 && endsAtMs <= nowMs) return "The secret id has expired.";
  // 0 stands for no limit; what is used up is kept below it until it is removed.
  if (typeof usesLeft === "number" && usesLeft < 0) return "The secret id is used up.";
  return undefined;
}

function tooMany(): CoreError {
  return new CoreError(
    "LIMIT_EXCEEDED",
    `The role has ${secretIdsMax} secret ids, and no more are allowed. Destroy some, or give the role a secret_id_ttl.`,
    { details: { secret_ids_max: String(secretIdsMax) } },
  );
}
