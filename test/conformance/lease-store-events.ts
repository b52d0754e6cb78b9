import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { LeaseScene } from "./lease-scene.ts";

/** What is told of leases: events, the epoch, and what comes due soon. Part of `leaseStoreConformance`. */
export function eventsConformance(scene: LeaseScene): void {
  const { begin, issue, renew, reopen, request, fail, finish } = scene;
  const read = (after: string, limit = 100) => scene.store.readEvents(scene.accessor, { after, limit });

  describe("readEvents() and newestEvent()", () => {
    it("tell each transition of a lease", async () => {
      const lease = await issue();
      const expiresAtMs = lease.expiresAtMs + 5000;
      await renew(lease, { expiresAtMs });
      await reopen(lease, "reissuer");
      await request(lease, "worker");
      const sealed = randomBytes(9);
      await scene.store.disarmed(lease, { fence: "worker", sealed, next: { keepClaim: true } });
      await fail(lease, "worker");
      await request(lease, "worker");
      await fail(lease, "worker", { isIrrevocable: true });
      await request(lease, "worker");
      await finish(lease, "worker");
      const events = await scene.events();
      const nothing = { expiresAtMs: undefined, state: undefined };
      expect(events.map(({ position: _, atMs: __, leaseId: ___, ...rest }) => rest)).toEqual([
        { kind: "begin", expiresAtMs: lease.expiresAtMs, state: undefined },
        { kind: "activate", expiresAtMs: lease.expiresAtMs, state: undefined },
        { kind: "renew", expiresAtMs, state: undefined },
        { kind: "reopen", ...nothing },
        { kind: "claim", ...nothing },
        { kind: "disarmed", ...nothing },
        { kind: "fail", expiresAtMs: undefined, state: "revoking" },
        { kind: "claim", ...nothing },
        { kind: "fail", expiresAtMs: undefined, state: "irrevocable" },
        { kind: "claim", ...nothing },
        { kind: "finish", ...nothing },
      ]);
      expect(new Set(events.map(({ leaseId }) => leaseId))).toEqual(new Set([lease.id]));
      for (const { atMs } of events) {
        expect(Math.abs(atMs - scene.nowMs)).toBeLessThan(10_000);
      }
    });

    it("tell of a lease that was given up for lost", async () => {
      const lease = await issue();
      const change = { fence: lease.fence, isForgotten: true, role: "deploy", caller: "token-1" };
      for (let run = 0; run < 2; run++) expect(await scene.store.finish(lease, change)).toBe("done");
      expect((await scene.events()).map(({ kind }) => kind)).toEqual(["begin", "activate", "forget"]);
      expect(await scene.store.hasEnded(lease)).toBe(true);
    });

    it("go on after a position, page by page, without a gap", async () => {
      const leases = await Promise.all(Array.from({ length: 5 }, () => issue()));
      await scene.store.claim(
        scene.accessor,
        leases.map(({ id }) => ({ kind: "requested", id })),
        { fence: "worker", visibilityMs: 60_000 },
      );
      const all = await scene.events();
      expect(all).toHaveLength(15);
      expect(new Set(all.map(({ position }) => position)).size).toBe(15);
      const seen = [];
      for (let after = ""; ; ) {
        const { events, hasGap } = await read(after, 4);
        expect(hasGap).toBe(false);
        if (events.length === 0) break;
        seen.push(...events);
        after = events.at(-1)?.position ?? "";
      }
      expect(seen).toEqual(all);
    });

    it("find nothing after the newest but what is yet to come", async () => {
      const from = await scene.store.newestEvent(scene.accessor);
      const lease = await begin();
      const events = await scene.events();
      expect(await read(from)).toEqual({ events, hasGap: false });
      const newest = await scene.store.newestEvent(scene.accessor);
      expect(newest).toBe(events.at(-1)?.position);
      expect(await read(newest)).toEqual({ events: [], hasGap: false });
      await finish(lease, lease.fence);
      expect((await read(newest)).events.map(({ kind }) => kind)).toEqual(["finish"]);
    });

    it("find none of a mount that has none, or is not there", async () => {
      expect(await read("")).toEqual({ events: [], hasGap: false });
      const nowhere = `${scene.accessor}x`;
      expect(await scene.store.readEvents(nowhere, { after: "", limit: 5 })).toEqual({
        events: [],
        hasGap: false,
      });
      expect(await scene.store.newestEvent(nowhere)).toBe("");
    });

    it("refuse a position that is none", async () => {
      await begin();
      for (const after of ["x", "1", "-", "1-", "1-1 ", "(1-1"]) {
        await expect(read(after)).rejects.toThrow("not the position of an event");
      }
    });

    it("keep the newest 10,000 or so, and tell exactly where some are missing", {
      timeout: 60_000,
    }, async () => {
      const ids = Array.from({ length: 100 }, (_, i) => `aws/creds/deploy/${i}`);
      await Promise.all(ids.map((id) => begin({ id })));
      const first = await scene.events();
      const claims = ids.map((id) => ({ kind: "requested", id }) as const);
      const claim = (fence: string) => scene.store.claim(scene.accessor, claims, { fence, visibilityMs: 0 });
      // Where each event stands; claims of 0 ms follow one another without end.
      const positions = first.map(({ position }) => position);
      const learn = async () => {
        for (;;) {
          const { events } = await read(positions.at(-1) ?? "", 1000);
          positions.push(...events.map(({ position }) => position));
          if (events.length === 0) return;
        }
      };
      for (let i = 0; i < 105; i++) {
        await claim(`worker-${i}`);
        await learn();
      }
      expect(positions).toHaveLength(100 + 105 * 100);
      const kept = await scene.events();
      expect(kept.length).toBeGreaterThanOrEqual(10_000);
      expect(kept.length).toBeLessThan(10_300);
      const dropped = positions.length - kept.length;
      expect(positions.slice(dropped)).toEqual(kept.map(({ position }) => position));
      expect(await read("", 1)).toEqual({ events: kept.slice(0, 1), hasGap: true });
      expect(await read(positions[dropped - 2] ?? "", 1)).toEqual({ events: kept.slice(0, 1), hasGap: true });
      expect(await read(positions[dropped - 1] ?? "", 1)).toEqual({
        events: kept.slice(0, 1),
        hasGap: false,
      });
      expect(await read(positions[dropped] ?? "", 1)).toEqual({ events: kept.slice(1, 2), hasGap: false });
    });
  });

  describe("epoch()", () => {
    it("is raised by every transition and by nothing else", async () => {
      const lease = await issue();
      const at: number[] = [];
      const note = async () => at.push(await scene.store.epoch(scene.accessor));
      await note();
      await scene.store.activate(lease, lease);
      await scene.store.list(scene.accessor, { prefix: "", after: "", limit: 5 });
      await note();
      await request(lease, "worker");
      await note();
      await request(lease, "another");
      await note();
      await finish(lease, "worker");
      await note();
      await scene.store.setMountState(scene.accessor, "unmounting");
      await note();
      expect(at.map((epoch) => epoch - (at[0] ?? 0))).toEqual([0, 0, 1, 1, 2, 3]);
    });

    it("is 0 for a mount that is not there, or is gone", async () => {
      expect(await scene.store.epoch(`${scene.accessor}x`)).toBe(0);
      expect(await scene.store.epoch(scene.accessor)).toBeGreaterThan(0);
      await scene.store.forgetMount(scene.accessor);
      expect(await scene.store.epoch(scene.accessor)).toBe(0);
    });
  });

  describe("dueBetween()", () => {
    const between = (fromMs: number, toMs: number, limit = 100) =>
      scene.store.dueBetween(scene.accessor, { fromMs, toMs, limit });

    it("finds active leases that come due after one time and not after another, earliest first", async () => {
      const atMs = scene.nowMs + 600_000;
      const leases = await Promise.all([2, 0, 1, 3].map((i) => issue({ expiresAtMs: atMs + i })));
      const found = await between(atMs, atMs + 2);
      expect(found.map(({ id }) => id)).toEqual([leases[2]?.id, leases[0]?.id]);
      expect(found[0]).toEqual(await scene.store.get(leases[2] ?? scene.newLease()));
      expect(await between(atMs + 3, atMs + 900)).toEqual([]);
    });

    it("passes over leases that are not active, whatever their number, and over other mounts", async () => {
      const atMs = scene.nowMs + 600_000;
      const hidden = await Promise.all(Array.from({ length: 130 }, () => issue({ expiresAtMs: atMs })));
      await Promise.all(hidden.map((lease) => request(lease, "worker", 600_000)));
      const dueAtMs = (await scene.store.get(hidden[0] ?? scene.newLease()))?.dueAtMs ?? 0;
      const active = await issue({ expiresAtMs: dueAtMs + 60_000 });
      await begin({ graceEndsAtMs: dueAtMs });
      const found = await between(scene.nowMs, dueAtMs + 60_000, 1);
      expect(found.map(({ id }) => id)).toEqual([active.id]);
      const elsewhere = { fromMs: 0, toMs: dueAtMs + 60_000, limit: 5 };
      expect(await scene.store.dueBetween(`${scene.accessor}x`, elsewhere)).toEqual([]);
    });

    it("finds hundreds of one time, at most as many as asked for", async () => {
      const atMs = scene.nowMs + 600_000;
      await Promise.all(Array.from({ length: 230 }, () => issue({ expiresAtMs: atMs })));
      const found = await between(atMs - 1, atMs, 1000);
      expect(new Set(found.map(({ id }) => id)).size).toBe(230);
      expect(await between(atMs - 1, atMs, 150)).toHaveLength(150);
    });
  });
}
