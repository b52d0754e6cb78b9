import { describe, expect, it } from "vitest";
import type { NewLease } from "../../src/core/lease-store.ts";
import { hourMs, type LeaseScene } from "./lease-scene.ts";

/** Which leases a claim takes, and from whom. Part of `leaseStoreConformance`. */
export function claimConformance(scene: LeaseScene): void {
  const { newLease, begin, issue, renew, request, claimDue, fail, finish, passTo } = scene;

  describe("claim()", () => {
    it("takes a due lease into revoking, due again when the claim times out", async () => {
      const dueAtMs = scene.nowMs + 50;
      const lease = await issue({ expiresAtMs: dueAtMs });
      await passTo(dueAtMs);
      const outcome = await claimDue(lease, dueAtMs, "worker");
      const stored = await scene.store.get(lease);
      expect(outcome).toEqual({ kind: "claimed", lease: stored });
      expect(stored).toMatchObject({ state: "revoking", fence: "worker", expiresAtMs: dueAtMs });
      expect(stored?.dueAtMs).toBeGreaterThan(dueAtMs + 59_000);
      expect(await scene.store.count(scene.accessor)).toEqual({
        byState: { revoking: 1 },
        byRole: { deploy: 1 },
      });
    });

    it("takes an issuing lease whose grace has passed", async () => {
      const lease = await begin({ graceEndsAtMs: scene.nowMs + 50 });
      await passTo(scene.nowMs + 50);
      expect(await claimDue(lease, scene.nowMs + 50, "worker")).toMatchObject({ kind: "claimed" });
    });

    it("takes no lease early, and none whose due time has changed", async () => {
      expect(await claimDue(await issue(), scene.nowMs + hourMs, "worker")).toEqual({ kind: "changed" });
      const dueAtMs = (await scene.store.nowMs()) + 500;
      const lease = await issue({ expiresAtMs: dueAtMs });
      await renew(lease, { expiresAtMs: scene.nowMs + hourMs });
      await passTo(dueAtMs);
      expect(await claimDue(lease, dueAtMs, "worker")).toEqual({ kind: "changed" });
      expect((await scene.store.get(lease))?.state).toBe("active");
    });

    it("answers unknown for a lease that is not there", async () => {
      expect(await request(newLease(), "worker")).toEqual({ kind: "unknown" });
      expect(await claimDue(newLease(), scene.nowMs, "worker")).toEqual({ kind: "unknown" });
    });

    it("takes a lease on request while it is issuing, active, backing off, or irrevocable", async () => {
      const leases = [await begin(), await issue(), await issue(), await issue()] as const;
      const [, , failed, irrevocable] = leases;
      for (const lease of [failed, irrevocable]) await request(lease, "before");
      await fail(failed, "before");
      await fail(irrevocable, "before", { isIrrevocable: true });
      for (const lease of leases) {
        expect(await request(lease, "worker")).toMatchObject({
          kind: "claimed",
          lease: { id: lease.id, state: "revoking", fence: "worker" },
        });
      }
      expect((await scene.store.count(scene.accessor)).byState).toEqual({ revoking: 4 });
    });

    it("leaves an abandoned lease to whoever reopened it since, and takes it from nobody else", async () => {
      const abandon = async (lease: NewLease, issuerFence: string) => {
        const claims = [{ kind: "abandoned", id: lease.id, issuerFence } as const];
        const options = { fence: "abandoner", visibilityMs: 60_000 };
        return (await scene.store.claim(scene.accessor, claims, options))[0];
      };
      for (const lease of [await begin(), await issue()])
        expect(await abandon(lease, lease.fence)).toMatchObject({ kind: "claimed" });
      const reopened = await issue();
      await scene.reopen(reopened, "second issuer");
      expect(await abandon(reopened, reopened.fence)).toEqual({ kind: "changed" });
      await scene.store.activate(reopened, { ...reopened, fence: "second issuer" });
      expect(await abandon(reopened, reopened.fence)).toEqual({ kind: "changed" });
      expect((await scene.store.get(reopened))?.state).toBe("active");
      expect(await abandon(reopened, "second issuer")).toMatchObject({ kind: "claimed" });
      const failed = await issue();
      await request(failed, "worker");
      await fail(failed, "worker");
      expect(await abandon(failed, failed.fence)).toMatchObject({ kind: "claimed" });
      expect(await abandon(newLease(), "nobody")).toEqual({ kind: "unknown" });
    });

    it("answers busy while another worker holds the lease, and takes it when that claim has timed out", async () => {
      const lease = await issue();
      await request(lease, "slow worker", 500);
      const dueAtMs = (await scene.store.get(lease))?.dueAtMs ?? 0;
      expect(await request(lease, "worker")).toEqual({ kind: "busy" });
      await passTo(dueAtMs);
      expect(await request(lease, "worker")).toMatchObject({ kind: "claimed", lease: { fence: "worker" } });
      expect(await finish(lease, "slow worker")).toBe("stale");
    });

    it("takes a lease again by its due time when the claim has timed out", async () => {
      const lease = await issue();
      await request(lease, "slow worker", 50);
      const dueAtMs = (await scene.store.get(lease))?.dueAtMs ?? 0;
      await passTo(dueAtMs);
      expect(await claimDue(lease, dueAtMs, "worker")).toMatchObject({ kind: "claimed" });
    });

    it("can be run twice with the same fence", async () => {
      const dueAtMs = scene.nowMs + 50;
      const lease = await issue({ expiresAtMs: dueAtMs });
      await passTo(dueAtMs);
      for (let run = 0; run < 2; run++) {
        expect(await claimDue(lease, dueAtMs, "worker")).toMatchObject({ kind: "claimed" });
      }
      expect((await scene.store.count(scene.accessor)).byState).toEqual({ revoking: 1 });
    });

    it("answers in the order asked, over hundreds of leases", async () => {
      const leases = await Promise.all(Array.from({ length: 230 }, () => issue()));
      const ids = leases.map(({ id }) => id);
      ids.splice(120, 0, "aws/creds/deploy/missing");
      const outcomes = await scene.store.claim(
        scene.accessor,
        ids.map((id) => ({ kind: "requested", id })),
        { fence: "worker", visibilityMs: 60_000 },
      );
      expect(
        outcomes.map((outcome) => (outcome.kind === "claimed" ? outcome.lease.id : outcome.kind)),
      ).toEqual(ids.with(120, "unknown"));
      expect((await scene.store.count(scene.accessor)).byState).toEqual({ revoking: 230 });
    });

    it("counts a lease once that is asked for twice", async () => {
      const lease = await issue();
      const claim = { kind: "requested", id: lease.id } as const;
      const outcomes = await scene.store.claim(scene.accessor, [claim, claim], {
        fence: "worker",
        visibilityMs: 1000,
      });
      expect(outcomes.map(({ kind }) => kind)).toEqual(["claimed", "claimed"]);
      expect((await scene.store.count(scene.accessor)).byState).toEqual({ revoking: 1 });
    });

    it("answers nothing where nothing is asked", async () => {
      expect(await scene.store.claim(scene.accessor, [], { fence: "worker", visibilityMs: 1000 })).toEqual(
        [],
      );
    });

    it("refuses an empty fence", async () => {
      await expect(request(await issue(), "")).rejects.toThrow("fence");
    });
  });
}
