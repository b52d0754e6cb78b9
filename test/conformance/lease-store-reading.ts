import { describe, expect, it } from "vitest";
import type { LeaseScene } from "./lease-scene.ts";

/** How leases are found and counted, and a mount forgotten. Part of `leaseStoreConformance`. */
export function readingConformance(scene: LeaseScene): void {
  const { newLease, begin, issue, request, claimDue, fail, finish, passTo } = scene;

  describe("list() and countPrefix()", () => {
    const idsOf = async (prefix: string, after = "", limit = 100) =>
      (await scene.store.list(scene.accessor, { prefix, after, limit })).map(({ id }) => id);

    it("find leases by any prefix, in the order of their bytes", async () => {
      const ids = [
        "aws/creds/a/1",
        "aws/creds/a/2",
        "aws/creds/ab/1",
        "aws/creds/é/1",
        "aws/creds/\u{1f511}/1",
        "b",
      ];
      for (const id of ids.toReversed()) await issue({ id });
      expect(await idsOf("")).toEqual([
        "aws/creds/a/1",
        "aws/creds/a/2",
        "aws/creds/ab/1",
        ...ids.slice(3, 5),
        "b",
      ]);
      for (const prefix of [
        "aws/creds/a",
        "aws/creds/a/",
        "aws/creds/é",
        "aws/creds/\u{1f511}",
        "b",
        "c",
        "aws/",
      ]) {
        const expected = ids.filter((id) => id.startsWith(prefix));
        expect(await idsOf(prefix)).toEqual(expected);
        expect(await scene.store.countPrefix(scene.accessor, prefix)).toBe(expected.length);
      }
    });

    it("read page by page", async () => {
      const ids = Array.from({ length: 230 }, (_, i) => `aws/creds/deploy/${String(i).padStart(3, "0")}`);
      await Promise.all(ids.map((id) => issue({ id })));
      expect(await idsOf("aws/creds/", "", 1000)).toEqual(ids);
      expect(await idsOf("aws/creds/", "", 2)).toEqual(ids.slice(0, 2));
      expect(await idsOf("aws/creds/", ids[1], 2)).toEqual(ids.slice(2, 4));
      expect(await idsOf("aws/creds/", ids[229], 2)).toEqual([]);
      expect(await idsOf("aws/creds/", "a", 1)).toEqual(ids.slice(0, 1));
      expect(await idsOf("aws/creds/", "zzz", 1)).toEqual([]);
    });

    it("see nothing of other mounts", async () => {
      await issue();
      expect(await scene.store.list(`${scene.accessor}x`, { prefix: "", after: "", limit: 10 })).toEqual([]);
      expect(await scene.store.countPrefix(`${scene.accessor}x`, "")).toBe(0);
    });

    it("list what get() reads", async () => {
      const lease = await issue();
      expect(await scene.store.list(scene.accessor, { prefix: lease.id, after: "", limit: 1 })).toEqual([
        await scene.store.get(lease),
      ]);
    });
  });

  describe("idsOfCaller()", () => {
    it("finds what a caller has made, in whatever state, and nothing of others", async () => {
      const mine = await Promise.all([
        begin({ caller: "me" }),
        issue({ caller: "me" }),
        issue({ caller: "me", id: "aws/creds/odd name" }),
        issue({ caller: "me", id: "aws/creds/deploy/0d042c53-aa8a-4ce7-9dfd-310351c465e5" }),
        issue({ caller: "me", id: "aws/creds/deploy/0d04ffff-aa8a-4ce7-9dfd-310351c465e5" }),
      ]);
      await issue({ caller: "other" });
      const revoking = await issue({ caller: "me" });
      await request(revoking, "worker");
      const ended = await issue({ caller: "me" });
      await request(ended, "worker");
      await scene.store.finish(ended, { fence: "worker", role: "deploy", caller: "me" });
      const found = await scene.store.idsOfCaller(scene.accessor, "me");
      expect([...found].sort()).toEqual([...mine, revoking].map(({ id }) => id).sort());
      expect(await scene.store.idsOfCaller(scene.accessor, "nobody")).toEqual([]);
    });

    it("finds thousands", async () => {
      const made = await Promise.all(Array.from({ length: 1500 }, () => begin({ caller: "busy" })));
      const found = await scene.store.idsOfCaller(scene.accessor, "busy");
      expect([...found].sort()).toEqual(made.map(({ id }) => id).sort());
    });
  });

  describe("count()", () => {
    it("counts by state and by role", async () => {
      await begin({ role: "ci" });
      await begin({ role: "" });
      await issue();
      await request(await issue(), "worker");
      expect(await scene.store.count(scene.accessor)).toEqual({
        byState: { issuing: 2, active: 1, revoking: 1 },
        byRole: { ci: 1, "": 1, deploy: 2 },
      });
    });
  });

  describe("peekDue()", () => {
    it("finds what is due, earliest first, and when the next comes", async () => {
      const [first, second, third] = [scene.nowMs + 20, scene.nowMs + 40, scene.nowMs + 60];
      const leases = await Promise.all([third, first, second].map((expiresAtMs) => issue({ expiresAtMs })));
      const later = await issue();
      await passTo(third);
      const peek = await scene.store.peekDue(scene.accessor, { limit: 2, touch: true });
      expect(peek.due).toEqual([
        { id: leases[1]?.id, dueAtMs: first },
        { id: leases[2]?.id, dueAtMs: second },
      ]);
      expect(peek.nextDueAtMs).toBe(later.expiresAtMs);
      expect(peek.nowMs).toBeGreaterThanOrEqual(third);
    });

    it("finds nothing where nothing is due", async () => {
      const lease = await issue();
      expect(await scene.store.peekDue(scene.accessor, { limit: 10, touch: true })).toMatchObject({
        due: [],
        nextDueAtMs: lease.expiresAtMs,
      });
      expect(await scene.store.peekDue(`${scene.accessor}x`, { limit: 10, touch: true })).toMatchObject({
        due: [],
        nextDueAtMs: undefined,
      });
    });

    it("finds at once what is due in the past", async () => {
      const lease = await issue();
      await request(lease, "worker");
      await fail(lease, "worker", { retryAtMs: scene.nowMs - 5000 });
      const { due } = await scene.store.peekDue(scene.accessor, { limit: 10, touch: true });
      expect(due).toEqual([{ id: lease.id, dueAtMs: scene.nowMs - 5000 }]);
      expect(await claimDue(lease, scene.nowMs - 5000, "worker 2")).toMatchObject({ kind: "claimed" });
    });
  });

  describe("forgetMount()", () => {
    it("keeps everything while a lease is left", async () => {
      const lease = await issue();
      await scene.store.setMountState(scene.accessor, "unmounting");
      expect(await scene.store.forgetMount(scene.accessor)).toBe(false);
      expect(await scene.store.begin(newLease())).toBe("unmounting");
      expect(await scene.store.get(lease)).toBeDefined();
    });

    it("removes what is left of a mount without leases, and can be run twice", async () => {
      const lease = await begin();
      await finish(lease, lease.fence);
      for (let run = 0; run < 2; run++) expect(await scene.store.forgetMount(scene.accessor)).toBe(true);
      expect(await scene.store.begin(newLease())).toBe("unmounted");
      expect(await scene.store.hasEnded(lease)).toBe(false);
    });
  });
}
