import { hash, randomBytes, randomUUID } from "node:crypto";
import type { JsonObject } from "../../core/json.ts";
import type { MountStorage } from "../../core/mount-storage.ts";

const secretBytes = 32;
const entry = (roleId: string, digest: string): string => `secret/${roleId}/${digest}`;
const accessorEntry = (roleId: string, accessor: string): string => `secret-accessor/${roleId}/${accessor}`;
const digestOf = (secretId: string): string => hash("sha256", secretId, "hex");

/** The secret ids of roles: only digests of them are stored. Times are in milliseconds since 1970. */
export interface SecretIds {
  /** Makes one; it is shown this once. With 0 it does not end, or can be used without limit. */
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
  /** Removes what is over. */
  sweep(nowMs: number, signal: AbortSignal): Promise<void>;
}

/** Makes the secret ids over the storage of their mount. */
export function createSecretIds(storage: MountStorage): SecretIds {
  const destroy = async (roleId: string, accessor: string): Promise<void> => {
    const found = await storage.get(accessorEntry(roleId, accessor));
    if (typeof found?.digest === "string") await storage.delete(entry(roleId, found.digest));
    await storage.delete(accessorEntry(roleId, accessor));
  };
  const list = (roleId: string) => storage.list(`secret-accessor/${roleId}/`);

  return {
    list,
    destroy,
    async make(roleId, { ttlMs, usesMax }, nowMs) {
      const secretId = randomBytes(secretBytes).toString("base64url");
      const accessor = randomUUID();
      const digest = digestOf(secretId);
      // The accessor first: what can be used can be destroyed.
      await storage.put(accessorEntry(roleId, accessor), { digest });
      const endsAtMs = ttlMs === 0 ? 0 : nowMs + ttlMs;
      await storage.put(entry(roleId, digest), { accessor, endsAtMs, usesLeft: usesMax });
      return { secretId, accessor };
    },
    async use(roleId, secretId, nowMs) {
      const refusal = new Error();
      try {
        await storage.update(entry(roleId, digestOf(secretId)), (current): JsonObject => {
          const refuse = (why: string): never => {
            refusal.message = why;
            throw refusal;
          };
          if (!current) return refuse("There is no such secret id.");
          const { endsAtMs, usesLeft } = current;
          if (typeof endsAtMs === "number" && endsAtMs > 0 && endsAtMs <= nowMs)
            return refuse("The secret id has expired.");
          // 0 stands for no limit; what is used up is kept below it until it is swept.
          if (typeof usesLeft !== "number" || usesLeft === 0) return current;
          if (usesLeft < 0) return refuse("The secret id is used up.");
          return { ...current, usesLeft: usesLeft === 1 ? -1 : usesLeft - 1 };
        });
        return undefined;
      } catch (error) {
        if (error === refusal) return refusal.message;
        throw error;
      }
    },
    async destroyAll(roleId) {
      for (const accessor of await list(roleId)) await destroy(roleId, accessor);
    },
    async sweep(nowMs, signal) {
      for (const folder of await storage.list("secret/")) {
        const roleId = folder.replace(/\/$/, "");
        for (const digest of await storage.list(`secret/${roleId}/`)) {
          if (signal.aborted) return;
          const found = await storage.get(entry(roleId, digest));
          const { endsAtMs, usesLeft, accessor } = found ?? {};
          const isOver = typeof endsAtMs === "number" && endsAtMs > 0 && endsAtMs <= nowMs;
          if ((isOver || usesLeft === -1) && typeof accessor === "string") await destroy(roleId, accessor);
        }
      }
    },
  };
}
