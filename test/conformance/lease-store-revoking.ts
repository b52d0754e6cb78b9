import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { hourMs, type LeaseScene } from "./lease-scene.ts";

/** What becomes of a claimed lease. Part of `leaseStoreConformance`. */
export function revokingConformance(scene: LeaseScene): void {
  const { newLease, begin, issue, request, fail, finish } = scene;

  describe("disarmed()", () => {
    const sealed = new Uint8Array(randomBytes(40));

    it("records when the secret became useless and goes on with the claim", async () => {
      const lease = await issue();
      await request(lease, "worker");
      const before = await scene.store.get(lease);
      const change = { fence: "worker", sealed, next: { keepClaim: true } } as const;
      expect(await scene.store.disarmed(lease, change)).toBe("done");
      const stored = await scene.store.get(lease);
      expect(stored).toEqual({ ...before, sealed, disarmedAtMs: expect.any(Number) });
      expect(await scene.store.disarmed(lease, change)).toBe("done");
      expect((await scene.store.get(lease))?.disarmedAtMs).toBe(stored?.disarmedAtMs);
      expect(await finish(lease, "worker")).toBe("done");
    });

    it("ends the claim where the rest is left for later, and uses no attempt", async () => {
      const lease = await issue();
      await request(lease, "worker");
      const change = { fence: "worker", sealed, next: { retryAtMs: scene.nowMs + 5000 } };
      expect(await scene.store.disarmed(lease, change)).toBe("done");
      expect(await scene.store.get(lease)).toMatchObject({
        state: "revoking",
        fence: "",
        attempts: 0,
        dueAtMs: scene.nowMs + 5000,
        sealed,
      });
      expect(await scene.store.disarmed(lease, change)).toBe("stale");
      expect(await request(lease, "worker 2")).toMatchObject({ kind: "claimed" });
    });

    it("is stale with another fence, and for a lease that is gone", async () => {
      const lease = await issue();
      await request(lease, "worker");
      const change = { fence: "another", sealed, next: { keepClaim: true } } as const;
      expect(await scene.store.disarmed(lease, change)).toBe("stale");
      expect((await scene.store.get(lease))?.disarmedAtMs).toBeUndefined();
      expect(await scene.store.disarmed(newLease(), change)).toBe("stale");
    });
  });

  describe("finish()", () => {
    it("drops the lease and remembers that it has ended", async () => {
      const lease = await issue();
      expect(await scene.store.hasEnded(lease)).toBe(false);
      await request(lease, "worker");
      expect(await finish(lease, "worker")).toBe("done");
      expect(await scene.store.get(lease)).toBeUndefined();
      expect(await scene.store.hasEnded(lease)).toBe(true);
      expect(await scene.store.count(scene.accessor)).toEqual({ byState: {}, byRole: {} });
      expect(await scene.store.countPrefix(scene.accessor, "")).toBe(0);
      expect(await scene.store.peekDue(scene.accessor, { limit: 10, touch: false })).toMatchObject({
        due: [],
        nextDueAtMs: undefined,
      });
    });

    it("can be run twice", async () => {
      const lease = await issue();
      await request(lease, "worker");
      for (let run = 0; run < 2; run++) expect(await finish(lease, "worker")).toBe("done");
      expect(await scene.store.count(scene.accessor)).toEqual({ byState: {}, byRole: {} });
    });

    it("accepts the issuer's fence until somebody claims the lease", async () => {
      const unmade = await begin();
      expect(await finish(unmade, unmade.fence)).toBe("done");
      const claimed = await begin();
      await request(claimed, "worker");
      expect(await finish(claimed, claimed.fence)).toBe("stale");
      expect((await scene.store.get(claimed))?.state).toBe("revoking");
    });

    it("is stale for a lease that never was, and for one that has failed meanwhile", async () => {
      expect(await finish(newLease(), "worker")).toBe("stale");
      const lease = await issue();
      await request(lease, "worker");
      await fail(lease, "worker");
      expect(await finish(lease, "worker")).toBe("stale");
    });
  });

  describe("fail()", () => {
    it("counts the attempt, says why, and makes the lease due again with nobody holding it", async () => {
      const lease = await issue();
      await request(lease, "worker");
      expect(await fail(lease, "worker")).toBe("done");
      expect(await scene.store.get(lease)).toMatchObject({
        state: "revoking",
        attempts: 1,
        lastError: "AWS is away",
        dueAtMs: scene.nowMs + 30_000,
        fence: "",
      });
    });

    it("can be run twice and counts once", async () => {
      const lease = await issue();
      await request(lease, "worker");
      expect(await fail(lease, "worker")).toBe("done");
      expect(await fail(lease, "worker")).toBe("stale");
      expect((await scene.store.get(lease))?.attempts).toBe(1);
    });

    it("counts no attempt that was nobody's fault", async () => {
      const lease = await issue();
      await request(lease, "worker");
      await fail(lease, "worker", { usesAttempt: false });
      expect(await scene.store.get(lease)).toMatchObject({
        attempts: 0,
        backoffEndsAtMs: undefined,
        lastError: "AWS is away",
      });
    });

    it("remembers how long the back-off of a used attempt lasts, through claims and failures that use none", async () => {
      const lease = await issue();
      await request(lease, "worker");
      await fail(lease, "worker", { retryAtMs: scene.nowMs + 40_000.5 });
      const endsAtMs = scene.nowMs + 40_000;
      expect(await scene.store.get(lease)).toMatchObject({ dueAtMs: endsAtMs, backoffEndsAtMs: endsAtMs });
      for (const visibilityMs of [0, 60_000])
        expect(await request(lease, `worker of ${visibilityMs}`, visibilityMs)).toMatchObject({
          lease: { backoffEndsAtMs: endsAtMs },
        });
      await fail(lease, "worker of 60000", { usesAttempt: false, retryAtMs: scene.nowMs + 5000 });
      expect(await scene.store.get(lease)).toMatchObject({
        dueAtMs: scene.nowMs + 5000,
        backoffEndsAtMs: endsAtMs,
      });
      await request(lease, "worker");
      await fail(lease, "worker", { retryAtMs: scene.nowMs + 90_000 });
      expect(await scene.store.get(lease)).toMatchObject({ backoffEndsAtMs: scene.nowMs + 90_000 });
    });

    it("moves the lease to irrevocable and back", async () => {
      const lease = await issue();
      await request(lease, "worker");
      await fail(lease, "worker", { isIrrevocable: true });
      expect(await scene.store.get(lease)).toMatchObject({ state: "irrevocable", fence: "" });
      expect((await scene.store.count(scene.accessor)).byState).toEqual({ irrevocable: 1 });
      await request(lease, "worker 2");
      await fail(lease, "worker 2");
      expect(await scene.store.get(lease)).toMatchObject({ state: "revoking", attempts: 2 });
      expect((await scene.store.count(scene.accessor)).byState).toEqual({ revoking: 1 });
    });

    it("keeps the first 200 characters of an error, and nothing of a longer one before it", async () => {
      const lease = await issue();
      await request(lease, "worker");
      await fail(lease, "worker", { error: "\u{1f511}".repeat(300) });
      expect((await scene.store.get(lease))?.lastError).toBe("\u{1f511}".repeat(200));
      await request(lease, "worker 2");
      await fail(lease, "worker 2", { error: "short" });
      expect((await scene.store.get(lease))?.lastError).toBe("short");
      await request(lease, "worker 3");
      await fail(lease, "worker 3", { error: "" });
      expect((await scene.store.get(lease))?.lastError).toBe("");
    });

    it("ends what an issuer began, too", async () => {
      const lease = await begin();
      expect(await fail(lease, lease.fence)).toBe("done");
      expect(await scene.store.get(lease)).toMatchObject({ state: "revoking", attempts: 1 });
      expect(await scene.store.activate(lease, lease)).toBe("lost");
    });

    it("takes times with fractions and cuts them off", async () => {
      const lease = await begin({
        expiresAtMs: scene.nowMs + hourMs + 0.9,
        graceEndsAtMs: scene.nowMs + 5000.9,
      });
      expect(await scene.store.get(lease)).toMatchObject({
        expiresAtMs: scene.nowMs + hourMs,
        dueAtMs: scene.nowMs + 5000,
      });
      await request(lease, "worker", 1000.5);
      await fail(lease, "worker", { retryAtMs: scene.nowMs + 7000.9 });
      expect((await scene.store.get(lease))?.dueAtMs).toBe(scene.nowMs + 7000);
    });

    it("is stale with another fence, and for a lease that is gone", async () => {
      const lease = await issue();
      await request(lease, "worker");
      expect(await fail(lease, "another")).toBe("stale");
      expect(await fail(newLease(), "worker")).toBe("stale");
    });
  });
}
