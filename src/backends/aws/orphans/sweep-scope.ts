import type { MountStorage } from "../../../core/mount-storage.ts";
import { readLeaseConfig } from "../config-lease.ts";
import { defaultGuardGraceMs } from "../guard.ts";
import { bareRole, defaultUserPath, type Role, roleFolder } from "../role.ts";

/** Where leased users of a mount are to be looked for, and when they are over. */
export interface SweepScope {
  /** Paths, none of which lies below another. */
  readonly userPaths: readonly string[];
  /** How long after the end that its guard covers a user of a role may still be somebody's, in milliseconds. */
  graceMsOf(role: string): number;
}

/** Reads what a sweep goes by. A path that is asked for stands in place of those of the roles. */
export async function readSweepScope(
  storage: MountStorage,
  askedPath: string | undefined,
): Promise<SweepScope> {
  const names = await storage.list(roleFolder);
  const [{ guardGraceMs: mountGraceMs = defaultGuardGraceMs }, ...roles] = await Promise.all([
    readLeaseConfig(storage),
    ...names.map(async (name) => [name, await roleNamed(storage, name)] as const),
  ]);
  const paths = new Set([defaultUserPath, ...roles.map(([, { userPath }]) => userPath)]);
  const graces = new Map(roles.map(([name, { guardGraceMs }]) => [name, guardGraceMs ?? 0]));
  return {
    userPaths: askedPath === undefined ? outermost([...paths]) : [askedPath],
    // A role may have said something else when the user was made: the longest of all that are likely.
    graceMsOf: (role) => Math.max(graces.get(role) ?? 0, mountGraceMs, defaultGuardGraceMs),
  };
}

/** A role that was deleted after the list says nothing. */
async function roleNamed(storage: MountStorage, name: string): Promise<Role> {
  return { ...bareRole, ...((await storage.get(roleFolder + name)) as Partial<Role> | undefined) };
}

/** Leaves out the paths that lie below another one. */
function outermost(paths: readonly string[]): readonly string[] {
  return paths.filter((path) => !paths.some((other) => other !== path && path.startsWith(other)));
}
