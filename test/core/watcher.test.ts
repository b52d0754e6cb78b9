import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { LeaseEventView } from "../../src/core/requests.ts";
import { type CoreHarness, createCoreHarness, type TestServer } from "../kit/core-harness.ts";
import { settle } from "../kit/manual-clock.ts";

let harness: CoreHarness;
let server: TestServer;

beforeEach(async () => {
  harness = createCoreHarness({ maxTtlMs: 3_600_000 });
  server = await harness.start();
  await server.mount();
});
afterEach(() => harness.stop());

/** A watch that takes every event as soon as it is there. */
interface Watch {
  readonly events: readonly LeaseEventView[];
  /** `kind lease-id`, or the kind alone, of each event. */
  told(): readonly string[];
  /** Tells that the stream has ended, and with what. */
  readonly ended: Promise<unknown>;
  stop(): void;
}

async function watch(prefix = "", resumeToken = "", on = server): Promise<Watch> {
  const stopping = new AbortController();
  const stream = await on.call("watchLeases", { prefix, resumeToken }, { signal: stopping.signal });
  const events: LeaseEventView[] = [];
  const pump = async () => {
    for await (const event of stream) events.push(event);
  };
  return {
    events,
    told: () => events.map(({ kind, lease }) => (lease ? `${kind} ${lease.id}` : kind)),
    ended: pump().then(
      () => "ended",
      (error: unknown) => error,
    ),
    stop: () => stopping.abort(),
  };
}

const tick = () => harness.clock.advance(300);
const lastToken = ({ events }: Watch): string => events.at(-1)?.resumeToken ?? "";

describe("a watch", () => {
  test("tells what happens to a lease from its issue to its end", async () => {
    const watching = await watch();
    const { lease } = await server.issue(undefined, { ttl: "10m" });
    await tick();
    await server.ask("renewLease", { leaseId: lease.id, incrementMs: 1_200_000 });
    await tick();
    await server.ask("revokeLease", { leaseId: lease.id });
    await tick();
    expect(watching.told()).toEqual([`issued ${lease.id}`, `renewed ${lease.id}`, `revoked ${lease.id}`]);
    const [issued, renewed, revoked] = watching.events;
    expect(issued?.lease).toMatchObject({
      state: "active",
      path: "scripted/creds/deploy",
      isRenewable: true,
    });
    expect(issued?.lease?.expiresAtMs).toBe(lease.expiresAtMs);
    expect(renewed?.lease?.expiresAtMs).toBeGreaterThan(lease.expiresAtMs);
    expect(revoked?.lease).toEqual({ id: lease.id, path: "scripted/creds/deploy" });
    expect(watching.events.every(({ occurredAtMs }) => occurredAtMs <= harness.clock.nowMs())).toBe(true);
    watching.stop();
  });

  test("tells nothing of what was before it began", async () => {
    await server.issue();
    const watching = await watch();
    await tick();
    expect(watching.told()).toEqual([]);
    watching.stop();
  });

  test("tells of leases under its prefix only, on every mount, and of mounts that come later", async () => {
    await server.mount("team/other");
    const all = await watch();
    const some = await watch("team/");
    const first = await server.issue("scripted/creds/a");
    const second = await server.issue("team/other/creds/a");
    await server.mount("team/third");
    const third = await server.issue("team/third/creds/a");
    await harness.clock.advance(2000);
    expect([...all.told()].sort()).toEqual(
      [first, second, third].map(({ lease }) => `issued ${lease.id}`).sort(),
    );
    expect([...some.told()].sort()).toEqual([second, third].map(({ lease }) => `issued ${lease.id}`).sort());
    all.stop();
    some.stop();
  });

  test("tells of failures, and once that a lease is irrevocable", async () => {
    const place = await watch();
    const other = await server.issue();
    await tick();
    place.stop();
    const { lease } = await server.issue();
    await server.ask("revokeLease", { leaseId: other.lease.id });
    harness.vendor.failAll("deleteKeys", "refused");
    await harness.clock.advance(2.5 * 3_600_000);
    const watching = await watch("", lastToken(place));
    await tick();
    const kinds = watching.events.map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === "irrevocable")).toHaveLength(1);
    expect(kinds.lastIndexOf("failed")).toBeGreaterThan(kinds.indexOf("irrevocable"));
    expect(watching.events.find(({ kind }) => kind === "irrevocable")?.lease).toMatchObject({
      id: lease.id,
      state: "irrevocable",
    });
    harness.vendor.heal();
    await server.ask("revokeLease", { leaseId: lease.id });
    await tick();
    expect(watching.told().at(-1)).toBe(`revoked ${lease.id}`);
    watching.stop();
  });

  test("tells that a lease was forgotten", async () => {
    const watching = await watch();
    const { lease } = await server.issue();
    harness.vendor.failAll("deleteKeys", "refused");
    await server.ask("revokeLease", { leaseId: lease.id }).catch(() => {});
    await server.ask("forgetLease", { leaseId: lease.id, isForced: true });
    await tick();
    expect(watching.told().at(-1)).toBe(`forgotten ${lease.id}`);
    harness.vendor.heal();
    watching.stop();
  });

  test("tells once that a lease expires within a minute, and again after a renewal", async () => {
    const watching = await watch();
    const { lease } = await server.issue(undefined, { ttl: "10m" });
    const brief = await server.issue(undefined, { ttl: "30s" });
    const soon = () => watching.told().filter((told) => told.startsWith("expiringSoon"));
    await harness.clock.advance(8 * 60_000 + 50_000);
    expect(soon()).toEqual([]);
    await harness.clock.advance(15_000);
    expect(soon()).toEqual([`expiringSoon ${lease.id}`]);
    expect(watching.events.at(-1)?.occurredAtMs).toBe(lease.expiresAtMs - 60_000);
    await harness.clock.advance(15_000);
    await server.ask("renewLease", { leaseId: lease.id, incrementMs: 600_000 });
    await harness.clock.advance(600_000 - 65_000);
    expect(soon()).toHaveLength(1);
    await harness.clock.advance(10_000);
    expect(soon()).toHaveLength(2);
    expect(watching.told()).toContain(`revoked ${brief.lease.id}`);
    watching.stop();
  });

  test("tells that a mount went, since its last events went with it", async () => {
    const watching = await watch();
    await server.issue();
    await tick();
    await server.ask("unmount", { path: "scripted" });
    await harness.clock.advance(2000);
    expect(watching.told().at(-1)).toBe("gap");
    const count = watching.events.length;
    await harness.clock.advance(2000);
    expect(watching.events).toHaveLength(count);
    watching.stop();
  });

  test("waits for a caller who lags, and misses nothing", async () => {
    const stream = await server.call("watchLeases", { prefix: "", resumeToken: "" });
    const events = stream[Symbol.asyncIterator]();
    const issued: string[] = [];
    for (let at = 0; at < 250; at++) issued.push((await server.issue(undefined, { ttl: "1h" })).lease.id);
    const callsBefore = server.plug.calls.length;
    await harness.clock.advance(30_000);
    expect(server.plug.calls).toHaveLength(callsBefore);
    for (const id of issued) {
      const next = await harness.clock.advanceUntil(events.next());
      expect(next.value).toMatchObject({ kind: "issued", lease: { id } });
    }
    await events.return?.();
  });

  test("goes on after an outage of the store, and ends with it where that is long", async () => {
    const watching = await watch();
    const { lease } = await server.issue();
    harness.leases.breakNext("readEvents", "before", 5);
    await harness.clock.advance(5000);
    expect(watching.told()).toEqual([`issued ${lease.id}`]);
    harness.leases.breakNext("readEvents", "before", 1000);
    await harness.clock.advance(15_000);
    expect(await watching.ended).toMatchObject({ code: "STORAGE_UNAVAILABLE" });
  });

  test("ends when its signal aborts", async () => {
    const watching = await watch();
    await tick();
    watching.stop();
    expect(await watching.ended).toBe("ended");
    expect(server.core.watches()).toBe(0);
  });

  test("is refused where there are too many, until one ends", async () => {
    const watching = await Promise.all(Array.from({ length: 100 }, () => watch()));
    expect(server.core.watches()).toBe(100);
    await expect(watch()).rejects.toMatchObject({ code: "LIMIT_EXCEEDED", details: { watches: "100" } });
    watching[0]?.stop();
    await settle();
    (await watch()).stop();
    for (const one of watching) one.stop();
    await settle();
    expect(server.core.watches()).toBe(0);
  });

  test("takes no place for a caller who leaves before the first event, or while waiting for one", async () => {
    const unread = await server.call("watchLeases", { prefix: "", resumeToken: "" });
    await unread[Symbol.asyncIterator]().return?.();
    const waiting = (await server.call("watchLeases", { prefix: "", resumeToken: "" }))[
      Symbol.asyncIterator
    ]();
    const next = waiting.next();
    await settle();
    await waiting.return?.();
    expect(await next).toMatchObject({ done: true });
    expect(server.core.watches()).toBe(0);
  });
});

describe("a watch that is resumed", () => {
  test("goes on after the event of its token, on another server", async () => {
    const first = await watch();
    const before = await server.issue(undefined, { ttl: "1h" });
    await tick();
    first.stop();
    const after = await server.issue(undefined, { ttl: "1h" });
    const other = await harness.start();
    const second = await watch("", lastToken(first), other);
    await tick();
    expect(first.told()).toEqual([`issued ${before.lease.id}`]);
    expect(second.told()).toEqual([`issued ${after.lease.id}`]);
    second.stop();
  });

  test("tells of leases that came to expire soon meanwhile", async () => {
    const first = await watch();
    const { lease } = await server.issue(undefined, { ttl: "10m" });
    await tick();
    first.stop();
    await harness.clock.advance(9 * 60_000 + 30_000);
    const second = await watch("", lastToken(first));
    await tick();
    expect(second.told()).toEqual([`expiringSoon ${lease.id}`]);
    second.stop();
  });

  test("can be cut at any event and resumed there without missing one", async () => {
    await server.mount("other");
    const ids: string[] = [];
    const whole = await watch();
    for (let at = 0; at < 6; at++) {
      const path = at % 2 ? "other/creds/a" : "scripted/creds/a";
      ids.push((await server.issue(path, { ttl: "2m" })).lease.id);
    }
    await harness.clock.advance(70_000);
    whole.stop();
    expect(whole.told()).toHaveLength(12);
    for (const [at, event] of whole.events.entries()) {
      const rest = await watch("", event.resumeToken);
      await tick();
      rest.stop();
      for (const told of whole.told().slice(at + 1)) expect(rest.told()).toContain(told);
    }
  });

  test("is refused with a token that is none", async () => {
    await expect(watch("", "nonsense")).rejects.toMatchObject({ code: "INVALID_FIELD" });
    expect(server.core.watches()).toBe(0);
  });
});
