import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { createBarrier } from "../../src/core/barrier.ts";
import { readDuePage } from "../../src/core/expiring-soon.ts";
import type { StoredEvent, StoredLease } from "../../src/core/lease-store.ts";
import type { Mount } from "../../src/core/mount.ts";
import { streamLeaseEvents, type WatchedLeases } from "../../src/core/watch-stream.ts";
import { createManualClock } from "../kit/manual-clock.ts";
import { createScriptedBackend } from "../kit/scripted-backend.ts";
import { createScriptedVendor } from "../kit/scripted-vendor.ts";

const type = createScriptedBackend(createScriptedVendor());

const mount: Mount = {
  path: "scripted",
  stored: new Uint8Array(),
  isBuiltIn: false,
  type,
  record: {
    accessor: "s_1",
    type: "scripted",
    description: "",
    tuning: {},
    state: "mounted",
    createdAtMs: 0,
  },
  backend: { paths: [], secretTypes: type.create(notUsed()).secretTypes },
};

function notUsed(): Parameters<typeof type.create>[0] {
  const refuse = async () => Promise.reject(new Error("The test stores nothing."));
  return {
    accessor: "s_1",
    storage: { get: refuse, put: refuse, update: refuse, delete: refuse, list: refuse },
    liveLeases: refuse,
    liveLeasesOf: refuse,
    leases: { nowMs: refuse, isKnown: refuse, adopt: refuse, isObserving: () => false },
  };
}

function event(number: number): StoredEvent {
  const leaseId = `scripted/creds/a/${number}`;
  return { position: `1-${number}`, kind: "activate", leaseId, atMs: 1, expiresAtMs: 2, state: undefined };
}

function leaseDueAt(id: string, dueAtMs: number): StoredLease {
  return {
    ...{ accessor: "s_1", id, dueAtMs, expiresAtMs: dueAtMs, state: "active", sealed: new Uint8Array() },
    ...{ fence: "", attempts: 0, lastError: "", disarmedAtMs: undefined, isRenewable: true },
    backoffEndsAtMs: undefined,
  };
}

/** A store that keeps the events from `oldest` to 5 only. */
function storeWithGap(oldest: number): WatchedLeases {
  const kept = Array.from({ length: 6 - oldest }, (_, at) => event(oldest + at));
  return {
    nowMs: async () => 1000,
    get: async () => undefined,
    dueBetween: async () => [],
    newestEvent: async () => "1-5",
    async readEvents(_accessor, { after }) {
      const seen = Number(after.split("-")[1] ?? 0);
      const events = kept.filter(({ position }) => Number(position.split("-")[1]) > seen);
      return { events, hasGap: seen < 5 && seen + 1 < oldest };
    },
  };
}

async function told(leases: WatchedLeases, after: string): Promise<readonly string[]> {
  const clock = createManualClock();
  const stopping = new AbortController();
  const kinds: string[] = [];
  const stream = streamLeaseEvents({
    ...{ leases, clock, prefix: "", mounts: { all: () => [mount] } },
    barrier: createBarrier({ activeTerm: 1, keys: new Map([[1, randomBytes(32)]]) }),
    place: { positions: new Map([["s_1", after]]), soonUpToMs: 0 },
    signal: stopping.signal,
  });
  const pumping = (async () => {
    for await (const { kind, lease } of stream) kinds.push(lease ? `${kind} ${lease.id}` : kind);
  })();
  await clock.advance(2000);
  stopping.abort();
  await pumping;
  return kinds;
}

test("a watch is told once that events before those it gets were dropped", async () => {
  const issued = [3, 4, 5].map((number) => `issued scripted/creds/a/${number}`);
  expect(await told(storeWithGap(3), "1-1")).toEqual(["gap", ...issued]);
  expect(await told(storeWithGap(3), "1-2")).toEqual(issued);
});

test("a watch is told once that all events were dropped, and goes on from the newest", async () => {
  expect(await told(storeWithGap(6), "1-1")).toEqual(["gap"]);
});

test("a page of leases that expire soon never parts those that do in the same millisecond", async () => {
  const due = [
    ...Array.from({ length: 99 }, (_, at) => leaseDueAt(`a/${at}`, 10 + at)),
    ...Array.from({ length: 450 }, (_, at) => leaseDueAt(`b/${at}`, 500)),
    leaseDueAt("c/0", 600),
  ];
  const limits: number[] = [];
  const store: Pick<WatchedLeases, "dueBetween"> = {
    async dueBetween(_accessor, { fromMs, toMs, limit }) {
      limits.push(limit);
      return due.filter(({ dueAtMs }) => dueAtMs > fromMs && dueAtMs <= toMs).slice(0, limit);
    },
  };
  const seen: string[] = [];
  let fromMs = 0;
  while (fromMs < 1000) {
    const page = await readDuePage(store, "s_1", { fromMs, toMs: 1000 });
    expect(page.upToMs).toBeGreaterThan(fromMs);
    seen.push(...page.leases.map(({ id }) => id));
    fromMs = page.upToMs;
  }
  expect(seen).toEqual(due.map(({ id }) => id));
  expect(limits).toEqual([100, 100, 400, 1600]);
});
