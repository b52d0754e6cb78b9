import fc from "fast-check";
import type { LeaseStore } from "../../src/core/lease-store.ts";

/** The leases that random steps are about: two of role `a`, one of role `b`. */
export const stepIds = ["aws/creds/a/1", "aws/creds/a/2", "aws/creds/b/1"] as const;

const id = fc.constantFrom(...stepIds);
const fence = fc.constantFrom("f1", "f2", "f3");
/** Far from now, so that no due time passes while steps are taken. */
const offsetMs = fc.constantFrom(-3_600_000, 3_600_000, 7_200_000);
const sealed = fc.uint8Array({ maxLength: 200 });
const limit = fc.record({
  of: fc.constantFrom("mount" as const, "role" as const),
  max: fc.integer({ min: 0, max: 2 }),
});
const idempotency = fc.record(
  { key: fc.constantFrom("k1", "k2"), memoryMs: fc.constant(600_000), replacesId: id },
  { requiredKeys: ["key", "memoryMs"] },
);

/** One call of a lease store, with times counted from the start; calls that nobody may make are among them. */
export const leaseStep = fc.oneof(
  fc.record({
    call: fc.constant("begin" as const),
    ...{ id, fence, sealed, isRenewable: fc.boolean() },
    limits: fc.oneof(
      { arbitrary: fc.constant([]), weight: 3 },
      { arbitrary: fc.array(limit, { maxLength: 2 }), weight: 1 },
    ),
    idempotency: fc.option(idempotency, { nil: undefined }),
  }),
  fc.record({ call: fc.constant("activate" as const), id, fence, sealed, offsetMs }),
  fc.record({
    call: fc.constant("renew" as const),
    ...{ id, offsetMs, expectedOffsetMs: offsetMs },
    sealed: fc.option(sealed, { nil: undefined }),
  }),
  fc.record({ call: fc.constant("reopen" as const), id, fence, sealed, graceMs: fc.constant(1_800_000) }),
  fc.record({ call: fc.constant("claim" as const), ids: fc.array(id, { maxLength: 3 }), fence }),
  fc.record({ call: fc.constant("claimDue" as const), id, fence, offsetMs }),
  fc.record({ call: fc.constant("disarmed" as const), id, fence, sealed, retry: fc.option(offsetMs) }),
  fc.record({ call: fc.constant("finish" as const), id, fence, isForgotten: fc.boolean() }),
  fc.record({
    call: fc.constant("fail" as const),
    ...{ id, fence, offsetMs, error: fc.string({ maxLength: 250, unit: "grapheme" }) },
    ...{ usesAttempt: fc.boolean(), isIrrevocable: fc.boolean() },
  }),
  fc.record({
    call: fc.constant("setMountState" as const),
    state: fc.constantFrom("mounted" as const, "mounted" as const, "unmounting" as const),
  }),
  fc.record({ call: fc.constant("forgetMount" as const) }),
);

/** A step that `leaseStep` makes. */
export type LeaseStep = typeof leaseStep extends fc.Arbitrary<infer T> ? T : never;

/** Takes a step. */
export async function takeLeaseStep(
  store: LeaseStore,
  { accessor, startMs }: { readonly accessor: string; readonly startMs: number },
  step: LeaseStep,
): Promise<unknown> {
  const ref = (of: string) => ({ accessor, id: of });
  const owner = (of: string) => ({ role: of.slice(10, 11), caller: `caller-${of.slice(-1)}` });
  const claimed = { visibilityMs: 3_600_000 };
  switch (step.call) {
    case "begin": {
      const { idempotency: key, ...lease } = step;
      const expiresAtMs = startMs + 3_600_000;
      const issuedAtMs = await store.nowMs();
      const times = { issuedAtMs, expiresAtMs, graceEndsAtMs: startMs + 1_800_000 };
      return store.begin({
        ...lease,
        ...times,
        ...owner(step.id),
        accessor,
        ...(key && { idempotency: key }),
      });
    }
    case "activate":
      return store.activate(ref(step.id), { ...step, expiresAtMs: startMs + step.offsetMs });
    case "renew": {
      const expectedExpiresAtMs = startMs + step.expectedOffsetMs;
      const change = { expectedExpiresAtMs, expiresAtMs: startMs + step.offsetMs };
      return store.renew(ref(step.id), { ...change, ...(step.sealed && { sealed: step.sealed }) });
    }
    case "reopen":
      return store.reopen(ref(step.id), step);
    case "claim": {
      const claims = step.ids.map((each) => ({ kind: "requested" as const, id: each }));
      return store.claim(accessor, claims, { ...claimed, fence: step.fence });
    }
    case "claimDue": {
      const claim = { kind: "due", id: step.id, dueAtMs: startMs + step.offsetMs } as const;
      return store.claim(accessor, [claim], { ...claimed, fence: step.fence });
    }
    case "disarmed": {
      const next = step.retry === null ? { keepClaim: true as const } : { retryAtMs: startMs + step.retry };
      return store.disarmed(ref(step.id), { ...step, next });
    }
    case "finish":
      return store.finish(ref(step.id), { ...step, ...owner(step.id) });
    case "fail":
      return store.fail(ref(step.id), { ...step, retryAtMs: startMs + step.offsetMs });
    case "setMountState":
      return store.setMountState(accessor, step.state);
    case "forgetMount":
      return store.forgetMount(accessor);
  }
}
