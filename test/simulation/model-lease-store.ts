import type { LeaseRef } from "../../src/core/lease.ts";
import type { LeaseStore, StoredEvent, StoredLease } from "../../src/core/lease-store.ts";
import { compareBytes } from "../kit/compare-bytes.ts";
import {
  activate,
  begin,
  claim,
  disarmed,
  dueOf,
  fail,
  finish,
  hasEnded,
  raiseEpoch,
  recordOf,
  renew,
  reopen,
} from "./lease-transitions.ts";
import type { RedisAccess } from "./model-redis.ts";
import type { RedisConnection } from "./redis-connection.ts";
import { callerKey, mountKey, ttlKey } from "./redis-keys.ts";

const sealedBytesMax = 2048;

/** The lease store of one process: the port, over a connection to the model of Redis. */
export function createModelLeaseStore(connection: RedisConnection): LeaseStore {
  /** What is acknowledged only once it is durable; the rest can be done anew after it was lost. */
  const durable = { isChange: true, isDurable: true } as const;
  const creating = { ...durable, needsMemory: true } as const;

  return {
    nowMs: () => connection.nowMs(),
    async begin(lease) {
      assertFence(lease.fence);
      assertSealed(lease.sealed);
      return connection.call({ name: "begin", ref: lease, ...creating }, (access) => begin(access, lease));
    },
    async activate(ref, activation) {
      assertFence(activation.fence);
      assertSealed(activation.sealed);
      return connection.call({ name: "activate", ref, ...creating }, (access) =>
        activate(access, ref, activation),
      );
    },
    async renew(ref, renewal) {
      if (renewal.sealed) assertSealed(renewal.sealed);
      return connection.call({ name: "renew", ref, ...creating }, (access) => renew(access, ref, renewal));
    },
    async reopen(ref, reopening) {
      assertFence(reopening.fence);
      assertSealed(reopening.sealed);
      return connection.call({ name: "reopen", ref, ...creating }, (access) =>
        reopen(access, ref, reopening),
      );
    },
    async claim(accessor, claims, options) {
      assertFence(options.fence);
      const [first] = claims;
      const ref: LeaseRef | undefined = first && { accessor, id: first.id };
      return connection.call({ name: "claim", ref, isChange: true }, (access) =>
        claim(access, accessor, claims, options),
      );
    },
    async disarmed(ref, disarming) {
      assertFence(disarming.fence);
      assertSealed(disarming.sealed);
      return connection.call({ name: "disarmed", ref, isChange: true }, (access) =>
        disarmed(access, ref, disarming),
      );
    },
    async finish(ref, finishing) {
      assertFence(finishing.fence);
      return connection.call({ name: "finish", ref, isChange: true }, (access) =>
        finish(access, ref, finishing),
      );
    },
    async fail(ref, failing) {
      assertFence(failing.fence);
      return connection.call({ name: "fail", ref, isChange: true }, (access) => fail(access, ref, failing));
    },
    get: (ref) => connection.call({ name: "get" }, (access) => read(access, ref)),
    hasEnded: (ref) => connection.call({ name: "hasEnded" }, (access) => hasEnded(access, ref)),
    list: (accessor, { prefix, after, limit }) =>
      connection.call({ name: "list" }, (access) =>
        idsOf(access, accessor, prefix)
          .filter((id) => compareBytes(id, after) > 0)
          .sort(compareBytes)
          .slice(0, limit)
          .flatMap((id) => read(access, { accessor, id }) ?? []),
      ),
    idsOfCaller: (accessor, caller) =>
      connection.call({ name: "idsOfCaller" }, ({ keys }) => [
        ...keys.zset(callerKey(accessor, caller)).keys(),
      ]),
    count: (accessor) =>
      connection.call({ name: "count" }, ({ keys }) => ({
        byState: numbersOf(keys.hash(mountKey(accessor, "byState"))),
        byRole: numbersOf(keys.hash(mountKey(accessor, "byRole"))),
      })),
    countPrefix: (accessor, prefix) =>
      connection.call({ name: "countPrefix" }, (access) => idsOf(access, accessor, prefix).length),
    peekDue: (accessor, { limit, touch }) =>
      connection.call({ name: "peekDue" }, (access) => {
        const { nowMs } = access;
        const dueSet = byDue(access, accessor);
        const due = dueSet.filter(({ dueAtMs }) => dueAtMs <= nowMs).slice(0, limit);
        if (touch) for (const { id } of due) access.touch(ttlKey({ accessor, id }));
        return { due, nextDueAtMs: dueSet.find(({ dueAtMs }) => dueAtMs > nowMs)?.dueAtMs, nowMs };
      }),
    dueBetween: (accessor, { fromMs, toMs, limit }) =>
      connection.call({ name: "dueBetween" }, (access) =>
        byDue(access, accessor)
          .filter(({ dueAtMs }) => dueAtMs > fromMs && dueAtMs <= toMs)
          .flatMap(({ id }) => read(access, { accessor, id }) ?? [])
          .filter(({ state }) => state === "active")
          .slice(0, limit),
      ),
    async readEvents(accessor, { after, limit }) {
      const seen = numberOf(after);
      return connection.call({ name: "readEvents" }, ({ keys }) => {
        const all = keys.stream(mountKey(accessor, "events")) as readonly StoredEvent[];
        const later = all.filter(({ position }) => comparePositions(position, after) > 0);
        const [first] = later;
        const hasGap = first !== undefined && numberOf(first.position) !== seen + 1;
        return { events: later.slice(0, limit), hasGap };
      });
    },
    newestEvent: (accessor) =>
      connection.call({ name: "newestEvent" }, ({ keys }) => {
        const all = keys.stream(mountKey(accessor, "events")) as readonly StoredEvent[];
        return all.at(-1)?.position ?? "";
      }),
    epoch: (accessor) =>
      connection.call({ name: "epoch" }, ({ keys }) =>
        Number(keys.values.get(mountKey(accessor, "epoch"))?.value ?? 0),
      ),
    setMountState: (accessor, state) =>
      connection.call({ name: "setMountState", ...durable }, (access) => {
        access.write({ kind: "set", key: mountKey(accessor, "state"), value: state });
        raiseEpoch(access, accessor);
      }),
    forgetMount: (accessor) =>
      connection.call({ name: "forgetMount", isChange: true }, (access) => {
        if (access.keys.zset(mountKey(accessor, "ids")).size > 0) return false;
        for (const name of mountKeys) access.write({ kind: "del", key: mountKey(accessor, name) });
        return true;
      }),
  };
}

const mountKeys = [
  "due",
  "ids",
  "gone",
  "byState",
  "byRole",
  "irrevocable",
  "events",
  "epoch",
  "state",
] as const satisfies readonly Parameters<typeof mountKey>[1][];

function read(access: RedisAccess, ref: LeaseRef): StoredLease | undefined {
  const record = recordOf(access, ref);
  return record && { accessor: ref.accessor, id: ref.id, ...record, dueAtMs: dueOf(access, ref) };
}

function idsOf({ keys }: RedisAccess, accessor: string, prefix: string): string[] {
  return [...keys.zset(mountKey(accessor, "ids")).keys()].filter((id) => id.startsWith(prefix));
}

function byDue({ keys }: RedisAccess, accessor: string): { readonly id: string; readonly dueAtMs: number }[] {
  return [...keys.zset(mountKey(accessor, "due"))]
    .map(([id, dueAtMs]) => ({ id, dueAtMs }))
    .sort((one, other) => one.dueAtMs - other.dueAtMs || compareBytes(one.id, other.id));
}

function numbersOf(hash: ReadonlyMap<string, unknown>): Record<string, number> {
  return Object.fromEntries([...hash].map(([field, value]) => [field, Number(value)]));
}

function assertFence(fence: string): void {
  if (fence === "") throw new Error("A fence cannot be empty: that stands for a lease nobody works on.");
}

function assertSealed(sealed: Uint8Array): void {
  if (sealed.length > sealedBytesMax)
    throw new Error(`A sealed lease of ${sealed.length} bytes is over the limit of ${sealedBytesMax}.`);
}

/** Compares positions as Redis does: by time first. `""` comes before all. */
export function comparePositions(one: string, other: string): number {
  const [oneMs = 0, oneNumber = 0] = one.split("-").map(Number);
  const [otherMs = 0, otherNumber = 0] = other.split("-").map(Number);
  return oneMs - otherMs || oneNumber - otherNumber;
}

/** The number within a position, which is `<ms>-<number>`; 0 for the very first. */
function numberOf(position: string): number {
  if (position !== "" && !/^\d+-\d+$/.test(position))
    throw new Error(`"${position}" is not the position of an event.`);
  return Number(position.split("-")[1] ?? 0);
}
