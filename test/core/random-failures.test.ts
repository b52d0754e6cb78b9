import fc from "fast-check";
import { expect, test } from "vitest";
import type { LeaseStore } from "../../src/core/lease-store.ts";
import { type CoreHarness, createCoreHarness, type TestServer } from "../kit/core-harness.ts";
import type { Fault, VendorCall } from "../kit/scripted-vendor.ts";

type Step =
  | { readonly do: "issue"; readonly ttl: number }
  | { readonly do: "repeat"; readonly key: number }
  | { readonly do: "revoke" | "renew"; readonly pick: number; readonly incrementMs: number }
  | { readonly do: "wait"; readonly ms: number }
  | { readonly do: "break store"; readonly call: keyof LeaseStore; readonly when: "before" | "after" }
  | { readonly do: "break vendor"; readonly call: VendorCall; readonly fault: Fault }
  | { readonly do: "crash"; readonly inCalls: number; readonly when: "before" | "after" };

const when = fc.constantFrom("before", "after");
const small = fc.nat({ max: 9 });
const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant("issue"), ttl: fc.integer({ min: 1, max: 60 }) }) },
    fc.record({ do: fc.constant("repeat"), key: fc.nat({ max: 2 }) }),
    fc.record({
      do: fc.constantFrom("revoke", "renew"),
      pick: small,
      incrementMs: fc.integer({ min: 1000, max: 90_000 }),
    }),
    { weight: 3, arbitrary: fc.record({ do: fc.constant("wait"), ms: fc.integer({ min: 1, max: 20_000 }) }) },
    fc.record({
      do: fc.constant("break store"),
      call: fc.constantFrom(
        "begin",
        "activate",
        "renew",
        "reopen",
        "claim",
        "disarmed",
        "finish",
        "fail",
        "peekDue",
      ),
      when,
    }),
    fc.record({
      do: fc.constant("break vendor"),
      call: fc.constantFrom("createUser", "createKey", "moveExpiry", "deleteKeys", "deleteUser"),
      fault: fc.constantFrom("unavailable", "lost reply", "refused", "throttled", "stuck"),
    }),
    fc.record({ do: fc.constant("crash"), inCalls: small, when }),
  ),
  { minLength: 5, maxLength: 25 },
) as fc.Arbitrary<readonly Step[]>;

/** A secret that a caller holds, and until when it must work. */
interface Held {
  readonly id: string;
  expiresAtMs: number;
  /** The idempotency key that it was asked for with. */
  readonly key?: string;
}

/** A service of one server after the other, and a caller who notes what was promised. */
async function play(all: readonly Step[]): Promise<CoreHarness> {
  const harness = createCoreHarness({ maxTtlMs: 90_000, laneConcurrency: 2 });
  const { clock, vendor, leases } = harness;
  let server: TestServer = await harness.start();
  await server.mount();
  const held: Held[] = [];

  const wait = async (ms: number) => {
    await clock.advance(ms);
    if (!server.plug.isPulled) return;
    server = await harness.start();
    await clock.advance(1);
  };
  /** Lets the request run for a while; one whose server crashes has no answer. */
  const ask = async <T>(request: Promise<T>): Promise<T | undefined> => {
    let answer: T | undefined;
    request.then(
      (value) => {
        answer = value;
      },
      () => {},
    );
    for (let at = 0; at < 8 && answer === undefined; at++) await wait(at * 500);
    return answer;
  };
  const run = async (step: Step): Promise<void> => {
    if (step.do === "wait") return wait(step.ms);
    if (step.do === "break store") return leases.breakNext(step.call, step.when);
    if (step.do === "break vendor") return vendor.fail(step.call, step.fault);
    if (step.do === "crash") return server.plug.pullAt(server.plug.calls.length + step.inCalls, step.when);
    if (step.do === "issue") {
      const data = { ttl: step.ttl };
      const reply = await ask(server.call("read", { path: "scripted/creds/x", data }));
      if (reply?.lease) held.push({ id: reply.lease.id, expiresAtMs: reply.lease.expiresAtMs });
      return;
    }
    if (step.do === "repeat") {
      // Whatever the answer is, and until it is there, the caller can no longer count on the secret before.
      const key = String(step.key);
      for (const one of held.filter((other) => other.key === key)) held.splice(held.indexOf(one), 1);
      const input = { path: "scripted/creds/x", data: { ttl: 40 }, idempotencyKey: key };
      const reply = await ask(server.call("read", input));
      if (!reply?.lease) return;
      const { id, expiresAtMs } = reply.lease;
      held.push({ id, expiresAtMs, key });
      const keys = [...(vendor.users.get(`user-${id.split("/").at(-1)}`)?.keys.keys() ?? [])];
      if (expiresAtMs > clock.nowMs()) expect(keys).toEqual([reply.data?.["access_key"]]);
      return;
    }
    const one = held[step.pick % Math.max(1, held.length)];
    if (!one) return;
    if (step.do === "revoke") {
      held.splice(held.indexOf(one), 1);
      await ask(server.call("revokeLease", { leaseId: one.id }));
      return;
    }
    const { incrementMs } = step;
    // Until the answer is there the caller can only count on the earlier of both.
    one.expiresAtMs = Math.min(one.expiresAtMs, clock.nowMs() + incrementMs);
    const renewed = await ask(server.call("renewLease", { leaseId: one.id, incrementMs }));
    if (renewed) one.expiresAtMs = renewed.lease.expiresAtMs;
  };

  for (const step of all) {
    await run(step);
    const names = new Set(leases.leases().map(({ id }) => `user-${id.split("/").at(-1)}`));
    for (const user of vendor.alive()) expect(names, "A lease names every user").toContain(user);
    for (const { id, expiresAtMs } of held) {
      if (expiresAtMs <= clock.nowMs()) continue;
      const keys = vendor.users.get(`user-${id.split("/").at(-1)}`)?.keys.size;
      expect(keys, `The secret of ${id} works until its expiry`).toBe(1);
    }
  }
  vendor.heal();
  await wait(120_000);
  await wait(30_000);
  return harness;
}

test("whatever fails and whenever it crashes: no secret without a lease, none ends early, and none outlives its lease", async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const harness = await play(all);
      expect(harness.vendor.alive()).toEqual([]);
      expect(harness.leases.leases().map(({ id }) => id)).toEqual([]);
      await harness.stop();
    }),
    { numRuns: 60 },
  );
});
