import { describe, expect, it } from "vitest";
import { leaseStoreConformance } from "../conformance/lease-store.ts";
import { storageConformance } from "../conformance/storage.ts";
import { createMemoryLeaseStore } from "../kit/memory-lease-store.ts";
import { createMemoryStorage } from "../kit/memory-storage.ts";

const startMs = Date.UTC(2030, 0, 1);

function makeStore() {
  let nowMs = startMs;
  const store = createMemoryLeaseStore({ nowMs: () => nowMs });
  const passTo = async (atMs: number) => {
    nowMs = Math.max(nowMs, atMs);
  };
  return { store, passTo };
}

leaseStoreConformance("The memory", async () => makeStore());

storageConformance("The memory", async () => {
  const { store } = makeStore();
  const { setMountState, epoch } = store;
  return { storage: createMemoryStorage(store), setMountState, epoch };
});

describe("The memory lease store", () => {
  const accessor = "aws_1";

  async function withLease(store: ReturnType<typeof createMemoryLeaseStore>) {
    await store.setMountState(accessor, "mounted");
    const times = { issuedAtMs: startMs, expiresAtMs: startMs + 1000, graceEndsAtMs: startMs + 500 };
    const lease = { accessor, id: "aws/creds/a/1", sealed: new Uint8Array([1]), role: "a", caller: "c" };
    await store.begin({ ...lease, ...times, fence: "f", isRenewable: false });
    return lease;
  }

  it("wakes every listener once for what has come due", async () => {
    const { store, passTo } = makeStore();
    await withLease(store);
    const woken: string[] = [];
    const servers = ["one", "two"].map((server) => ({ server, wakeups: store.createWakeups() }));
    for (const { server, wakeups } of servers) {
      await wakeups.start({
        onWake: (of) => woken.push(`${server} ${of}`),
        onGap: () => woken.push(`${server} gap`),
      });
    }
    store.fireDue();
    expect(woken).toEqual([]);
    await passTo(startMs + 500);
    store.fireDue();
    store.fireDue();
    expect(woken).toEqual(["one aws_1", "two aws_1"]);
    store.fireGap();
    expect(woken.slice(2)).toEqual(["one gap", "two gap"]);
    await servers[0]?.wakeups.stop();
    store.fireGap();
    expect(woken.slice(4)).toEqual(["two gap"]);
  });

  it("wakes listeners when a server touches what is due", async () => {
    const { store, passTo } = makeStore();
    await withLease(store);
    const woken: string[] = [];
    await store.createWakeups().start({ onWake: (of) => woken.push(of), onGap: () => {} });
    await passTo(startMs + 500);
    await store.peekDue(accessor, { limit: 10, touch: false });
    expect(woken).toEqual([]);
    await store.peekDue(accessor, { limit: 10, touch: true });
    await store.peekDue(accessor, { limit: 10, touch: true });
    expect(woken).toEqual([accessor]);
  });

  it("breaks a call before it changes anything, or after, as often as told", async () => {
    const { store } = makeStore();
    const lease = await withLease(store);
    const change = { fence: "f", role: "a", caller: "c" };
    store.breakNext("finish", "before");
    store.breakNext("finish", "after");
    await expect(store.finish(lease, change)).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    expect(store.leases()).toHaveLength(1);
    await expect(store.finish(lease, change)).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    expect(store.leases()).toHaveLength(0);
    expect(await store.finish(lease, change)).toBe("done");
    expect(store.events.map(({ kind }) => kind)).toEqual(["begin", "finish"]);
  });
});

describe("The memory storage", () => {
  it("rejects every call while it is not available", async () => {
    const storage = createMemoryStorage();
    await storage.put("a", "b", new Uint8Array([1]));
    storage.setAvailable(false);
    await expect(storage.get("a", "b")).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    await expect(storage.readMounts()).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    storage.setAvailable(true);
    expect([...storage.values().keys()]).toEqual(["data:a:b"]);
  });
});
