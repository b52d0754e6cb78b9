import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { hourMs, type LeaseScene } from "./lease-scene.ts";

/** How leases begin and become active. Part of `leaseStoreConformance`. */
export function issuingConformance(scene: LeaseScene): void {
  const { newLease, begin, issue, renew, request, finish, passTo } = scene;

  describe("begin()", () => {
    it("stores an issuing lease that is due at the end of its grace", async () => {
      const lease = await begin();
      expect(await scene.store.get(lease)).toEqual({
        accessor: scene.accessor,
        id: lease.id,
        state: "issuing",
        sealed: new Uint8Array(lease.sealed),
        expiresAtMs: lease.expiresAtMs,
        dueAtMs: lease.graceEndsAtMs,
        fence: lease.fence,
        attempts: 0,
        lastError: "",
        disarmedAtMs: undefined,
        isRenewable: true,
      });
    });

    it("keeps whether the lease is renewable", async () => {
      const lease = await begin({ isRenewable: false });
      expect((await scene.store.get(lease))?.isRenewable).toBe(false);
    });

    it("stores nothing under a mount that is not there", async () => {
      const lease = newLease({ accessor: `${scene.accessor}x` });
      expect(await scene.store.begin(lease)).toBe("unmounted");
      expect(await scene.store.get(lease)).toBeUndefined();
    });

    it("stores nothing under a mount that is going away", async () => {
      await scene.store.setMountState(scene.accessor, "unmounting");
      const lease = newLease();
      expect(await scene.store.begin(lease)).toBe("unmounting");
      expect(await scene.store.get(lease)).toBeUndefined();
      expect(await scene.store.count(scene.accessor)).toEqual({ byState: {}, byRole: {} });
    });

    it.each([-60_000, 60_000])("stores nothing that was issued %d ms off the store's time", async (offMs) => {
      const lease = newLease({ issuedAtMs: scene.nowMs + offMs });
      const outcome = await scene.store.begin(lease);
      expect(outcome).toEqual({ skewedNowMs: expect.any(Number) });
      if (typeof outcome === "object" && "skewedNowMs" in outcome)
        expect(Math.abs(outcome.skewedNowMs - scene.nowMs)).toBeLessThan(10_000);
      expect(await scene.store.get(lease)).toBeUndefined();
    });

    it("can be run twice by the same issuer", async () => {
      const lease = await begin();
      expect(await scene.store.begin(lease)).toBe("begun");
      expect(await scene.store.count(scene.accessor)).toEqual({
        byState: { issuing: 1 },
        byRole: { deploy: 1 },
      });
    });

    it("refuses an id that another issuer uses", async () => {
      const lease = await begin();
      await expect(scene.store.begin({ ...lease, fence: "another" })).rejects.toThrow("already");
    });

    it("refuses an id that has ended", async () => {
      const lease = await begin();
      await finish(lease, lease.fence);
      await expect(scene.store.begin(lease)).rejects.toThrow("already");
    });

    it("refuses an empty fence and a handle over 2 KiB", async () => {
      await expect(scene.store.begin(newLease({ fence: "" }))).rejects.toThrow("fence");
      await expect(scene.store.begin(newLease({ sealed: randomBytes(2049) }))).rejects.toThrow("2048");
    });

    it.each([0, 1, 62, 63, 64, 126, 220, 2048])("keeps %d sealed bytes of any value", async (bytes) => {
      const sealed = Uint8Array.from({ length: bytes }, (_, i) => 255 - (i % 256));
      const lease = await begin({ sealed });
      expect((await scene.store.get(lease))?.sealed).toEqual(sealed);
    });
  });

  describe("activate()", () => {
    it("makes the lease active, with its new handle, and due at its expiry", async () => {
      const lease = await begin();
      const sealed = new Uint8Array(randomBytes(260));
      const expiresAtMs = lease.expiresAtMs - 1000;
      expect(await scene.store.activate(lease, { fence: lease.fence, sealed, expiresAtMs })).toBe("active");
      expect(await scene.store.get(lease)).toMatchObject({
        state: "active",
        sealed,
        expiresAtMs,
        dueAtMs: expiresAtMs,
        fence: lease.fence,
      });
      expect(await scene.store.count(scene.accessor)).toEqual({
        byState: { active: 1 },
        byRole: { deploy: 1 },
      });
    });

    it("leaves nothing of a longer handle", async () => {
      const lease = await begin({ sealed: randomBytes(2048) });
      const sealed = new Uint8Array(randomBytes(10));
      await scene.store.activate(lease, { ...lease, sealed });
      expect((await scene.store.get(lease))?.sealed).toEqual(sealed);
    });

    it("refuses an expiry beyond the one begun with, and changes nothing", async () => {
      const lease = await begin();
      const late = { ...lease, expiresAtMs: lease.expiresAtMs + 1 };
      await expect(scene.store.activate(lease, late)).rejects.toThrow("beyond the expiry");
      expect((await scene.store.get(lease))?.state).toBe("issuing");
    });

    it("can be run twice, and does not undo a renewal in between", async () => {
      const lease = await issue();
      await renew(lease, { expiresAtMs: lease.expiresAtMs + hourMs });
      expect(await scene.store.activate(lease, lease)).toBe("active");
      expect((await scene.store.get(lease))?.expiresAtMs).toBe(lease.expiresAtMs + hourMs);
    });

    it("is lost where the lease was claimed, and does not bring it back", async () => {
      const lease = await begin();
      await request(lease, "worker");
      expect(await scene.store.activate(lease, lease)).toBe("lost");
      expect((await scene.store.get(lease))?.state).toBe("revoking");
    });

    it("is lost where the lease is gone, or never was", async () => {
      const lease = await begin();
      await finish(lease, lease.fence);
      expect(await scene.store.activate(lease, lease)).toBe("lost");
      expect(await scene.store.activate(newLease(), lease)).toBe("lost");
      expect(await scene.store.get(lease)).toBeUndefined();
    });

    it("is lost with another fence", async () => {
      const lease = await begin();
      expect(await scene.store.activate(lease, { ...lease, fence: "another" })).toBe("lost");
      expect((await scene.store.get(lease))?.state).toBe("issuing");
    });

    it("is lost once the grace has passed, even where nobody has claimed the lease", async () => {
      const lease = await begin({ graceEndsAtMs: scene.nowMs + 50 });
      await passTo(scene.nowMs + 50);
      expect(await scene.store.activate(lease, lease)).toBe("lost");
    });
  });
}
