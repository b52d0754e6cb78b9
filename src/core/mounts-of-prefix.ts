import type { Mount } from "./mount.ts";

/** The mounts whose leases can have ids that start with a prefix. */
export function mountsOfPrefix(mounts: readonly Mount[], prefix: string): readonly Mount[] {
  return mounts.filter(({ path }) => `${path}/`.startsWith(prefix) || prefix.startsWith(`${path}/`));
}

/** Whether a mount can have leases at all. */
export function mayLease({ backend }: Mount): boolean {
  return backend.secretTypes.length > 0;
}
