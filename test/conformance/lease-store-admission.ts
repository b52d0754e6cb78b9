import { describe, expect, it } from "vitest";
import type { LeaseLimit } from "../../src/core/lease-store.ts";
import type { LeaseScene } from "./lease-scene.ts";

/** Which leases `begin` lets in: limits and idempotency. Part of `leaseStoreConformance`. */
export function admissionConformance(scene: LeaseScene): void {
  const { newLease, begin, issue, request, fail, finish, passTo } = scene;
  const ofMount = (max: number): LeaseLimit => ({ of: "mount", max });
  const ofRole = (max: number): LeaseLimit => ({ of: "role", max });

  describe("begin() with limits", () => {
    const tryWith = (limits: readonly LeaseLimit[], role = "deploy") =>
      scene.store.begin(newLease({ limits, role }));

    it("counts the mount's leases in every state and of every role", async () => {
      await begin({ role: "ci" });
      await issue();
      await request(await issue(), "worker");
      const irrevocable = await issue();
      await request(irrevocable, "worker");
      await fail(irrevocable, "worker", { isIrrevocable: true });
      expect(await tryWith([ofMount(4)])).toEqual({ limited: { of: "mount", max: 4, live: 4 } });
      expect(await tryWith([ofMount(5)])).toBe("begun");
      expect(await tryWith([ofMount(5)])).toEqual({ limited: { of: "mount", max: 5, live: 5 } });
    });

    it("counts the new lease's role alone", async () => {
      await issue({ role: "ci" });
      await issue();
      expect(await tryWith([ofRole(1)])).toEqual({ limited: { of: "role", max: 1, live: 1 } });
      expect(await tryWith([ofRole(1)], "other")).toBe("begun");
      expect(await tryWith([ofRole(1)], "")).toBe("begun");
    });

    it("names the first limit that is reached, in the order given", async () => {
      await issue();
      const both = [ofRole(1), ofMount(1)];
      expect(await tryWith(both)).toEqual({ limited: { of: "role", max: 1, live: 1 } });
      expect(await tryWith(both.toReversed())).toEqual({ limited: { of: "mount", max: 1, live: 1 } });
      expect(await tryWith([ofMount(2), ofRole(1)])).toEqual({ limited: { of: "role", max: 1, live: 1 } });
    });

    it("stores nothing where a limit is reached", async () => {
      const lease = newLease({ limits: [ofMount(0)], idempotency: { key: "k", memoryMs: 1000 } });
      const epoch = await scene.store.epoch(scene.accessor);
      expect(await scene.store.begin(lease)).toEqual({ limited: { of: "mount", max: 0, live: 0 } });
      expect(await scene.store.get(lease)).toBeUndefined();
      expect(await scene.store.count(scene.accessor)).toEqual({ byState: {}, byRole: {} });
      expect(await scene.store.epoch(scene.accessor)).toBe(epoch);
      expect(await scene.events()).toEqual([]);
      expect(await scene.store.begin(newLease({ idempotency: { key: "k", memoryMs: 1000 } }))).toBe("begun");
    });

    it("lets in exactly as many as there is room for, of many at once", async () => {
      const outcomes = await Promise.all(Array.from({ length: 20 }, () => tryWith([ofMount(7)])));
      expect(outcomes.filter((outcome) => outcome === "begun")).toHaveLength(7);
    });

    it("lets the next one in when a lease has ended", async () => {
      const lease = await issue();
      await finish(lease, lease.fence);
      expect(await tryWith([ofMount(1), ofRole(1)])).toBe("begun");
    });

    it("answers the same issuer again, limit or not", async () => {
      const lease = newLease({ limits: [ofMount(1)] });
      for (let run = 0; run < 2; run++) expect(await scene.store.begin(lease)).toBe("begun");
    });
  });

  describe("begin() with an idempotency key", () => {
    const keyed = (key: string, memoryMs = 60_000, replacesId?: string) =>
      newLease({ idempotency: { key, memoryMs, ...(replacesId === undefined ? {} : { replacesId }) } });

    it("finds the lease that the key has already, and stores nothing", async () => {
      const first = keyed("k");
      expect(await scene.store.begin(first)).toBe("begun");
      const second = keyed("k");
      expect(await scene.store.begin(second)).toEqual({ existingId: first.id });
      expect(await scene.store.get(second)).toBeUndefined();
      expect(await scene.store.begin(keyed("another"))).toBe("begun");
    });

    it("remembers a lease that has ended since", async () => {
      const first = keyed("k");
      await scene.store.begin(first);
      await finish(first, first.fence);
      expect(await scene.store.begin(keyed("k"))).toEqual({ existingId: first.id });
    });

    it("takes the key over for a lease that replaces exactly the remembered one", async () => {
      const first = keyed("k");
      await scene.store.begin(first);
      await finish(first, first.fence);
      expect(await scene.store.begin(keyed("k", 60_000, "aws/creds/deploy/other"))).toEqual({
        existingId: first.id,
      });
      const second = keyed("k", 60_000, first.id);
      expect(await scene.store.begin(second)).toBe("begun");
      expect(await scene.store.begin(keyed("k", 60_000, first.id))).toEqual({ existingId: second.id });
    });

    it("begins anew when the memory is over", async () => {
      await scene.store.begin(keyed("k", 50));
      await passTo((await scene.store.nowMs()) + 100);
      expect(await scene.store.begin(keyed("k"))).toBe("begun");
    });

    it("lets one of many at once begin, and shows the others its lease", async () => {
      const leases = Array.from({ length: 10 }, () => keyed("k"));
      const outcomes = await Promise.all(leases.map((lease) => scene.store.begin(lease)));
      const begun = leases.filter((_, i) => outcomes[i] === "begun");
      expect(begun).toHaveLength(1);
      const others = outcomes.filter((outcome) => outcome !== "begun");
      expect(others).toEqual(Array.from({ length: 9 }, () => ({ existingId: begun[0]?.id })));
    });

    it("answers the same issuer again that its lease has begun", async () => {
      const lease = keyed("k");
      for (let run = 0; run < 2; run++) expect(await scene.store.begin(lease)).toBe("begun");
    });

    it("finds the lease even where a limit is reached", async () => {
      const first = keyed("k");
      await scene.store.begin(first);
      expect(await scene.store.begin({ ...keyed("k"), limits: [ofMount(1)] })).toEqual({
        existingId: first.id,
      });
    });

    it("says first that the mount is going away, and that the clock is off", async () => {
      await scene.store.begin(keyed("k"));
      expect(await scene.store.begin({ ...keyed("k"), issuedAtMs: scene.nowMs - 60_000 })).toHaveProperty(
        "skewedNowMs",
      );
      await scene.store.setMountState(scene.accessor, "unmounting");
      expect(await scene.store.begin(keyed("k"))).toBe("unmounting");
    });

    it("keeps the keys of mounts apart", async () => {
      await scene.store.begin(keyed("k"));
      const elsewhere = { ...keyed("k"), accessor: `${scene.accessor}x` };
      await scene.store.setMountState(elsewhere.accessor, "mounted");
      expect(await scene.store.begin(elsewhere)).toBe("begun");
    });
  });
}
