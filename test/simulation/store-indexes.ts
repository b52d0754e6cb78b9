import type { LeaseRecord } from "./lease-transitions.ts";
import { leaseKey, mountKey, refOfLeaseKey } from "./redis-keys.ts";
import type { Keyspace } from "./redis-keyspace.ts";

/** Compares the counts and indexes of every mount with the records; answers what is wrong, in words. */
export function indexProblem(keys: Keyspace): string | undefined {
  const idsByMount = new Map<string, string[]>();
  for (const key of keys.values.keys()) {
    const ref = refOfLeaseKey(key);
    if (ref) idsByMount.set(ref.accessor, [...(idsByMount.get(ref.accessor) ?? []), ref.id]);
  }
  for (const [accessor, ids] of idsByMount) {
    const problem = mountProblem(keys, accessor, ids.sort());
    if (problem) return `${problem} of mount ${accessor}`;
  }
  return undefined;
}

function mountProblem(keys: Keyspace, accessor: string, ids: readonly string[]): string | undefined {
  const states = new Map<string, number>();
  for (const id of ids) {
    const record = keys.values.get(leaseKey({ accessor, id }))?.value as LeaseRecord;
    states.set(record.state, (states.get(record.state) ?? 0) + 1);
  }
  const counted = keys.hash(mountKey(accessor, "byState"));
  for (const state of new Set([...states.keys(), ...counted.keys()])) {
    if ((states.get(state) ?? 0) !== (counted.get(state) ?? 0))
      return `${states.get(state) ?? 0} leases are ${state}, and the count says ${counted.get(state) ?? 0},`;
  }
  const byRole = [...keys.hash(mountKey(accessor, "byRole")).values()];
  const total = byRole.reduce<number>((sum, each) => sum + Number(each), 0);
  if (total !== ids.length) return `there are ${ids.length} leases, and the counts by role say ${total},`;
  for (const name of ["ids", "due"] as const) {
    const indexed = [...keys.zset(mountKey(accessor, name)).keys()].sort();
    if (indexed.join() !== ids.join()) return `the set "${name}" holds other ids than the records`;
  }
  return undefined;
}
