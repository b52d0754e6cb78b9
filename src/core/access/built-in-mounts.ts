import type { BackendType } from "../backend.ts";
import type { LeaseStore } from "../lease-store.ts";
import type { BuiltInMount } from "../mount.ts";
import { type TokenBackend, tokenMountAccessor, tokenMountPath } from "../tokens/token-backend.ts";

/** Accessor of the storage of what belongs to no mount, such as policies. */
export const systemAccessor = "sys";

/** The mounts that are always there: the tokens, and each login method at `auth/<type>`. */
export function builtInMounts(options: {
  readonly tokens: TokenBackend;
  readonly loginMethods: readonly BackendType[];
}): readonly BuiltInMount[] {
  return [
    { path: tokenMountPath, accessor: tokenMountAccessor, type: options.tokens.type },
    ...options.loginMethods.map((type) => ({
      path: `auth/${type.type}`,
      accessor: `auth_${type.type}`,
      type,
    })),
  ];
}

/** Makes the storage take what belongs to these mounts, as mounting does for the others. Rejects with `STORAGE_UNAVAILABLE`. */
export async function prepareBuiltIns(
  leases: Pick<LeaseStore, "setMountState">,
  builtIns: readonly BuiltInMount[],
): Promise<void> {
  const accessors = [systemAccessor, ...builtIns.map(({ accessor }) => accessor)];
  await Promise.all(accessors.map((accessor) => leases.setMountState(accessor, "mounted")));
}
