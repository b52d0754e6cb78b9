import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { hourMs, type LeaseScene } from "./lease-scene.ts";

/** How active leases are renewed and reopened. Part of `leaseStoreConformance`. */
export function renewingConformance(scene: LeaseScene): void {
  const { newLease, begin, issue, renew, reopen, request, fail, finish, passTo } = scene;

  describe("renew()", () => {
    it("moves the expiry and the due time, either way", async () => {
      const lease = await issue();
      for (const expiresAtMs of [lease.expiresAtMs + 5000, lease.expiresAtMs - 5000]) {
        expect(await renew(lease, { expiresAtMs })).toBe("renewed");
        expect(await scene.store.get(lease)).toMatchObject({
          expiresAtMs,
          dueAtMs: expiresAtMs,
          state: "active",
        });
      }
    });

    it("keeps the handle, or replaces it", async () => {
      const lease = await issue();
      await renew(lease, { expiresAtMs: lease.expiresAtMs });
      expect((await scene.store.get(lease))?.sealed).toEqual(new Uint8Array(lease.sealed));
      const sealed = new Uint8Array(randomBytes(30));
      await renew(lease, { expiresAtMs: lease.expiresAtMs, sealed });
      expect((await scene.store.get(lease))?.sealed).toEqual(sealed);
    });

    it("answers ended for a lease that is past its expiry, claimed or not", async () => {
      const lease = await issue({ expiresAtMs: scene.nowMs + 50 });
      await passTo(scene.nowMs + 50);
      expect(await renew(lease, { expiresAtMs: scene.nowMs + hourMs })).toBe("ended");
    });

    it("answers ended for a lease that is not active, or has ended", async () => {
      const issuing = await begin();
      expect(await renew(issuing, issuing)).toBe("ended");
      const lease = await issue();
      await request(lease, "worker");
      expect(await renew(lease, lease)).toBe("ended");
      await finish(lease, "worker");
      expect(await renew(lease, lease)).toBe("ended");
    });

    it("answers unknown for a lease that never was", async () => {
      expect(await renew(newLease(), { expiresAtMs: scene.nowMs + hourMs })).toBe("unknown");
    });

    it("changes nothing where somebody else has renewed the lease meanwhile", async () => {
      const lease = await issue();
      const expiresAtMs = lease.expiresAtMs + 5000;
      await renew(lease, { expiresAtMs, sealed: new Uint8Array([1]) });
      const before = await scene.store.get(lease);
      const late = { expectedExpiresAtMs: lease.expiresAtMs, expiresAtMs: lease.expiresAtMs + 9000 };
      expect(await renew(lease, { ...late, sealed: new Uint8Array([2]) })).toBe("changed");
      expect(await scene.store.get(lease)).toEqual(before);
    });

    it("can be run twice", async () => {
      const lease = await issue();
      const change = { expectedExpiresAtMs: lease.expiresAtMs, expiresAtMs: lease.expiresAtMs + 5000 };
      for (let run = 0; run < 2; run++) expect(await renew(lease, change)).toBe("renewed");
      expect((await scene.events()).filter(({ kind }) => kind === "renew")).toHaveLength(1);
    });

    it("takes times with fractions and cuts them off", async () => {
      const lease = await issue();
      const change = { expectedExpiresAtMs: lease.expiresAtMs + 0.5, expiresAtMs: lease.expiresAtMs + 5.9 };
      expect(await renew(lease, change)).toBe("renewed");
      expect((await scene.store.get(lease))?.expiresAtMs).toBe(lease.expiresAtMs + 5);
    });
  });

  describe("reopen()", () => {
    it("takes an active lease back into issuing, with a new fence and handle, due at the end of its grace", async () => {
      const lease = await issue();
      expect(await reopen(lease, "reissuer")).toBe("reopened");
      const stored = await scene.store.get(lease);
      expect(stored).toMatchObject({
        state: "issuing",
        fence: "reissuer",
        sealed: new Uint8Array([1, 2, 3]),
        expiresAtMs: lease.expiresAtMs,
      });
      expect(Math.abs((stored?.dueAtMs ?? 0) - scene.nowMs - 60_000)).toBeLessThan(10_000);
      expect(await scene.store.count(scene.accessor)).toEqual({
        byState: { issuing: 1 },
        byRole: { deploy: 1 },
      });
    });

    it("makes the lease due no later than its expiry", async () => {
      const lease = await issue();
      await reopen(lease, "reissuer", 2 * hourMs);
      expect((await scene.store.get(lease))?.dueAtMs).toBe(lease.expiresAtMs);
    });

    it("leads back to an active lease, which expires no later than before", async () => {
      const lease = await issue();
      await renew(lease, { expiresAtMs: lease.expiresAtMs + 5000 });
      await reopen(lease, "reissuer");
      const sealed = new Uint8Array(randomBytes(30));
      const change = { fence: "reissuer", sealed, expiresAtMs: lease.expiresAtMs + 5001 };
      await expect(scene.store.activate(lease, change)).rejects.toThrow("beyond the expiry");
      const { expiresAtMs } = { expiresAtMs: lease.expiresAtMs + 5000 };
      expect(await scene.store.activate(lease, { ...change, expiresAtMs })).toBe("active");
      expect(await scene.store.get(lease)).toMatchObject({
        state: "active",
        sealed,
        expiresAtMs,
        dueAtMs: expiresAtMs,
      });
      expect((await scene.store.count(scene.accessor)).byState).toEqual({ active: 1 });
    });

    it("can be run twice with the same fence", async () => {
      const lease = await issue();
      for (let run = 0; run < 2; run++) expect(await reopen(lease, "reissuer")).toBe("reopened");
      expect((await scene.events()).map(({ kind }) => kind)).toEqual(["begin", "activate", "reopen"]);
    });

    it("takes the lease from whoever issued it before", async () => {
      const lease = await issue();
      await reopen(lease, "reissuer");
      expect(await scene.store.activate(lease, lease)).toBe("lost");
      expect(await finish(lease, lease.fence)).toBe("stale");
      expect(await scene.store.renew(lease, { ...lease, expectedExpiresAtMs: lease.expiresAtMs })).toBe(
        "ended",
      );
    });

    it("is busy while somebody else is issuing the lease", async () => {
      expect(await reopen(await begin(), "reissuer")).toBe("busy");
      const lease = await issue();
      await reopen(lease, "reissuer");
      expect(await reopen(lease, "another")).toBe("busy");
      expect((await scene.store.get(lease))?.fence).toBe("reissuer");
    });

    it("answers ended for a lease that is past its expiry, claimed, irrevocable, or gone", async () => {
      const expired = await issue({ expiresAtMs: scene.nowMs + 50 });
      await passTo(scene.nowMs + 50);
      expect(await reopen(expired, "reissuer")).toBe("ended");
      const lease = await issue();
      await request(lease, "worker");
      expect(await reopen(lease, "reissuer")).toBe("ended");
      await fail(lease, "worker", { isIrrevocable: true });
      expect(await reopen(lease, "reissuer")).toBe("ended");
      await request(lease, "worker");
      await finish(lease, "worker");
      expect(await reopen(lease, "reissuer")).toBe("ended");
    });

    it("answers unknown for a lease that never was", async () => {
      expect(await reopen(newLease(), "reissuer")).toBe("unknown");
    });

    it("refuses an empty fence and a handle over 2 KiB", async () => {
      const lease = await issue();
      await expect(reopen(lease, "")).rejects.toThrow("fence");
      const change = { fence: "reissuer", graceMs: 1000, sealed: randomBytes(2049) };
      await expect(scene.store.reopen(lease, change)).rejects.toThrow("2048");
    });
  });
}
