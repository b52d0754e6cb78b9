import { CoreError, quote } from "../../../core/errors.ts";
import { invalidField } from "../../../core/field.ts";
import type { JsonObject } from "../../../core/json.ts";
import type { MountStorage } from "../../../core/mount-storage.ts";
import { type KeyRecord, KeyRecordGone, type RotatingKey } from "../rotation/rotating-key.ts";

/** Folder of the static roles of a mount. */
export const staticRoleFolder = "static-roles/";
/** Folder of the users that static roles have, one entry each, so that no two have the same. */
const userFolder = "static-users/";

/** How long a user is kept for a role that is not stored yet, in milliseconds: longer than a write takes. */
const claimMs = 120_000;

/** A static role: an existing user whose key is rotated, and can be read. Stored sealed. */
export type StaticRole = RotatingKey & {
  readonly rotationPeriodMs: number;
  /** Account of the user, where it is known. */
  readonly account?: string;
};

/** Static roles as the storage of a mount has them. */
export interface StaticRoles {
  names(): Promise<readonly string[]>;
  find(name: string): Promise<StaticRole | undefined>;
  /** Throws `NO_SUCH_ROLE` where there is none of that name. */
  get(name: string, mountPath: string): Promise<StaticRole>;
  /** Stores a new role. Throws `INVALID_FIELD` where another one has its user, and `BACKEND_UNAVAILABLE` where the name was taken meanwhile. */
  add(name: string, role: StaticRole, nowMs: number): Promise<void>;
  /** Changes a role as it is. Throws `KeyRecordGone` where there is none. */
  change(name: string, by: (role: StaticRole) => StaticRole): Promise<StaticRole>;
  remove(name: string, role: StaticRole): Promise<void>;
  /** The key of a role, as one that is rotated. */
  record(name: string): KeyRecord;
}

/** Makes the static roles of one mount. */
export function createStaticRoles(storage: MountStorage): StaticRoles {
  const roleAt = (name: string) => staticRoleFolder + name;
  // IAM does not tell names apart by case.
  const userAt = (user: string) => userFolder + encodeURIComponent(user.toLowerCase());

  const find = async (name: string) => roleOf(await storage.get(roleAt(name)));
  const change = async (name: string, by: (role: StaticRole) => StaticRole): Promise<StaticRole> => {
    const written = await storage.update(roleAt(name), (stored) => {
      const role = roleOf(stored);
      if (role === undefined) throw new KeyRecordGone();
      return by(role);
    });
    return written as unknown as StaticRole;
  };

  const claimUser = async (user: string, name: string, nowMs: number): Promise<void> => {
    const claimed = await storage.get(userAt(user));
    const { role: holder = name, atMs = 0 } = (claimed ?? {}) as { role?: string; atMs?: number };
    // A claim without a role is left of a server that died.
    const isLeft = atMs + claimMs <= nowMs && (await find(holder))?.user.toLowerCase() !== user.toLowerCase();
    await storage.update(userAt(user), (now) => {
      const role = now?.["role"];
      if (role !== undefined && role !== name && !(role === holder && isLeft)) {
        throw invalidField(
          "username",
          `is the user of static role ${quote(String(role))} already: ${quote(user)} can have one only, for both would rotate its key. Delete that role first.`,
        );
      }
      return { role: name, atMs: nowMs };
    });
  };

  return {
    names: () => storage.list(staticRoleFolder),
    find,
    async get(name, mountPath) {
      const role = await find(name);
      if (role !== undefined) return role;
      throw new CoreError(
        "NO_SUCH_ROLE",
        `There is no static role ${quote(name)} at "${mountPath}/". Write it to "${mountPath}/${roleAt(name)}", or list "${mountPath}/${staticRoleFolder}".`,
        { details: { role: name } },
      );
    },
    async add(name, role, nowMs) {
      await claimUser(role.user, name, nowMs);
      await storage.update(roleAt(name), (stored) => {
        if (stored === undefined) return role;
        throw new CoreError(
          "BACKEND_UNAVAILABLE",
          `Static role ${quote(name)} was written by somebody else meanwhile. Read it, and try again.`,
          { details: { role: name } },
        );
      });
    },
    change,
    async remove(name, { user }) {
      await storage.delete(roleAt(name));
      await storage.delete(userAt(user));
    },
    record: (name) => ({
      read: () => find(name),
      change: (by) => change(name, (role) => ({ ...keep(role), ...by(role) })),
    }),
  };
}

/** What a role has besides its key. */
function keep({ rotationPeriodMs, account }: StaticRole): Pick<StaticRole, "rotationPeriodMs" | "account"> {
  return { rotationPeriodMs, ...(account === undefined ? {} : { account }) };
}

/** The entry is sealed, and written here alone. */
function roleOf(stored: JsonObject | undefined): StaticRole | undefined {
  return stored as unknown as StaticRole | undefined;
}

/** When the key of a static role is rotated next, in milliseconds since 1970; at once where it has none yet. */
export function nextRotationMs({ rotatedAtMs, rotationPeriodMs, retryAtMs = 0 }: StaticRole): number {
  return Math.max(rotatedAtMs === undefined ? 0 : rotatedAtMs + rotationPeriodMs, retryAtMs);
}
