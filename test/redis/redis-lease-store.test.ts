import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { LeaseStore, NewLease } from "../../src/core/lease-store.ts";
import { createRedisLeaseStore } from "../../src/redis/lease-store.ts";
import { prepareRedis } from "../../src/redis/prepare-redis.ts";
import { createRedisClient, type RedisClient } from "../../src/redis/redis-client.ts";
import { listOf, numberOf, pairsOf, textOf } from "../../src/redis/reply.ts";
import { createRedisStorage } from "../../src/redis/storage.ts";
import { startTestRedis, type TestRedis } from "../kit/redis-server.ts";

const accessor = "aws_1a2b3c4d";
const key = (name: string) => `lh:{${accessor}}:${name}`;
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** Longer than those of an IAM user, so that they are in pieces. */
const sealedBytes = 220;

let redis: TestRedis;
let client: RedisClient;
let store: LeaseStore;

beforeAll(async () => {
  redis = await startTestRedis({ appendOnly: false, extraArgs: ["--enable-debug-command", "local"] });
  client = createRedisClient({ url: redis.url });
  await prepareRedis(client);
});

beforeEach(async () => {
  await client.call("FLUSHALL");
  store = createRedisLeaseStore({ client });
  await store.setMountState(accessor, "mounted");
});

afterAll(async () => {
  await client?.close();
  await redis?.stop();
});

async function newLease(changes: Partial<NewLease> = {}): Promise<NewLease> {
  const nowMs = await store.nowMs();
  return {
    accessor,
    id: `aws/creds/deploy/${crypto.randomUUID()}`,
    sealed: randomBytes(sealedBytes),
    role: "deploy",
    caller: "token-1",
    issuedAtMs: nowMs,
    expiresAtMs: nowMs + hourMs,
    graceEndsAtMs: nowMs + 300_000,
    isRenewable: true,
    fence: randomBytes(9).toString("base64url"),
    ...changes,
  };
}

async function issue(changes: Partial<NewLease> = {}): Promise<NewLease> {
  const lease = await newLease(changes);
  expect(await store.begin(lease)).toBe("begun");
  expect(await store.activate(lease, lease)).toBe("active");
  return lease;
}

/** Renews a lease that was not renewed before. */
const renew = (lease: NewLease, expiresAtMs = lease.expiresAtMs, sealed = lease.sealed) =>
  store.renew(lease, { expectedExpiresAtMs: lease.expiresAtMs, expiresAtMs, sealed });
const claim = (lease: NewLease, fence: string) =>
  store.claim(accessor, [{ kind: "requested", id: lease.id }], { fence, visibilityMs: 60_000 });
const failure = { error: "AWS is away", retryAtMs: 0, usesAttempt: true, isIrrevocable: false };
const epoch = async () => numberOf((await client.call("GET", key("epoch"))) ?? 0);
const keys = async () =>
  listOf(await client.call("KEYS", "*"))
    .map(textOf)
    .sort();
const members = async (name: string) => listOf(await client.call("ZRANGE", key(name), 0, -1)).map(textOf);

describe("The lease store on Redis", () => {
  it("keeps an active lease under the documented keys, all of the mount's hash slot", async () => {
    const lease = await issue();
    expect((await keys()).filter((name) => name !== "lh:meta")).toEqual(
      [
        "by:token-1",
        "count",
        "due",
        "epoch",
        "events",
        "ids",
        `lease:${lease.id}`,
        "state",
        `ttl:${lease.id}`,
      ].map(key),
    );
    expect(numberOf(await client.call("PTTL", key(`lease:${lease.id}`)))).toBe(-1);
    expect(numberOf(await client.call("PEXPIRETIME", key(`ttl:${lease.id}`)))).toBe(lease.expiresAtMs);
    expect(numberOf(await client.call("ZSCORE", key("due"), lease.id))).toBe(lease.expiresAtMs);
  });

  it("keeps all leases of a caller in the caller's index, each until it ends", async () => {
    const uuids = ["0d042c53-aa8a-4ce7-9dfd-310351c465e5", "0d04ffff-aa8a-4ce7-9dfd-310351c465e5"];
    const ends = [...uuids, "0d05ffff-aa8a-4ce7-9dfd-310351c465e5", "no-uuid", "é"];
    const leases = [];
    for (const end of ends) leases.push(await issue({ id: `aws/creds/deploy/${end}` }));
    const idsOfCaller = async () =>
      [...pairsOf(listOf(await client.run(readAll, [key("by:token-1")], [])))].flatMap(idsOfBucket).sort();
    expect(await idsOfCaller()).toEqual(leases.map(({ id }) => id).sort());
    for (const lease of leases.splice(0, 2)) await store.finish(lease, lease);
    expect(await idsOfCaller()).toEqual(leases.map(({ id }) => id).sort());
    for (const lease of leases) await store.finish(lease, lease);
    expect(await keys()).not.toContain(key("by:token-1"));
  });

  it("leaves the bookkeeping alone of a lease that has ended, and nothing of a mount that is forgotten", async () => {
    const lease = await issue();
    await claim(lease, "worker");
    await store.fail(lease, { ...failure, fence: "worker", isIrrevocable: true });
    expect(await members("irrevocable")).toEqual([lease.id]);
    await claim(lease, "worker 2");
    await store.finish(lease, { ...lease, fence: "worker 2" });
    const left = ["epoch", "events", "gone", "state"].map(key);
    expect((await keys()).filter((name) => name !== "lh:meta")).toEqual(left);
    expect(await store.forgetMount(accessor)).toBe(true);
    expect((await keys()).filter((name) => name !== "lh:meta")).toEqual([]);
  });

  it("stores nothing of role, caller, or handle in a lease's record but the sealed bytes", async () => {
    const lease = await issue({ role: "secret-role", caller: "secret-caller" });
    const record = listOf(await client.run(readAll, [key(`lease:${lease.id}`)], [])).map((part) =>
      textOf(part),
    );
    expect(record.filter((part) => part.includes("secret"))).toEqual([]);
    const names = record.filter((_, i) => i % 2 === 0).sort();
    expect(names).toEqual(["0", "1", "2", "3", "ex", "fe", "rn", "st"]);
  });

  it("keeps a record compact in every state, with the longest error, too", async () => {
    const lease = await issue();
    const encoding = async () => textOf(await client.call("OBJECT", "ENCODING", key(`lease:${lease.id}`)));
    expect(await encoding()).toBe("listpack");
    await renew(lease, lease.expiresAtMs, randomBytes(2048));
    expect(await encoding()).toBe("listpack");
    await claim(lease, "worker");
    await store.disarmed(lease, { fence: "worker", sealed: lease.sealed, next: { keepClaim: true } });
    await store.fail(lease, { ...failure, fence: "worker", error: "\u{1f511}".repeat(200) });
    expect(await encoding()).toBe("listpack");
  });

  it("raises the epoch and adds an event with every transition, and with none that changes nothing", async () => {
    const seen: number[] = [];
    const step = async (work: () => Promise<unknown>) => {
      const before = await epoch();
      await work();
      seen.push((await epoch()) - before);
    };
    const lease = await newLease();
    await step(() => store.begin(lease));
    await step(() => store.begin(lease));
    await step(() => store.activate(lease, lease));
    await step(() => store.activate(lease, lease));
    await step(() => renew(lease));
    await step(() => store.reopen(lease, { fence: "reissuer", graceMs: 1000, sealed: lease.sealed }));
    await step(() => store.reopen(lease, { fence: "reissuer", graceMs: 1000, sealed: lease.sealed }));
    await step(() => claim(lease, "worker"));
    await step(() => claim(lease, "another"));
    await step(() => store.disarmed(lease, { ...lease, fence: "worker", next: { keepClaim: true } }));
    await step(() => store.fail(lease, { ...failure, fence: "worker" }));
    await step(() => store.fail(lease, { ...failure, fence: "worker" }));
    await step(() => claim(lease, "worker 2"));
    await step(() => store.finish(lease, { ...lease, fence: "worker 2" }));
    await step(() => store.finish(lease, { ...lease, fence: "worker 2" }));
    await step(() => store.setMountState(accessor, "mounted"));
    await step(() => createRedisStorage(client).put(accessor, "a", new Uint8Array([1])));
    await step(() => createRedisStorage(client).delete(accessor, "a"));
    expect(seen).toEqual([1, 0, 1, 0, 1, 1, 0, 1, 0, 1, 1, 0, 1, 1, 0, 1, 1, 1]);
    const events = listOf(await client.call("XRANGE", key("events"), "-", "+"));
    const kinds = events.map((entry) => textOf(listOf(listOf(entry)[1])[1]));
    expect(kinds).toEqual([
      "begin",
      "activate",
      "renew",
      "reopen",
      "claim",
      "disarmed",
      "fail",
      "claim",
      "finish",
    ]);
  });

  it("remembers ended leases for 24 hours and forgets a hundred older ones with each that ends", async () => {
    const nowMs = await store.nowMs();
    for (let i = 0; i < 150; i++) await client.call("ZADD", key("gone"), nowMs - dayMs - 1000, `old/${i}`);
    await client.call("ZADD", key("gone"), nowMs - dayMs + 60_000, "young");
    expect(await store.hasEnded({ accessor, id: "old/1" })).toBe(false);
    expect(await store.hasEnded({ accessor, id: "young" })).toBe(true);
    for (const left of [50 + 2, 3]) {
      const lease = await issue();
      await store.finish(lease, lease);
      expect(numberOf(await client.call("ZCARD", key("gone")))).toBe(left);
    }
  });

  it("keeps since when a lease is irrevocable through the attempts that follow", async () => {
    const lease = await issue();
    const since = async () => client.call("ZSCORE", key("irrevocable"), lease.id);
    await claim(lease, "worker");
    await store.fail(lease, { ...failure, fence: "worker", isIrrevocable: true });
    await client.call("ZADD", key("irrevocable"), 12345, lease.id);
    await claim(lease, "worker 2");
    await store.fail(lease, { ...failure, fence: "worker 2", isIrrevocable: true });
    expect(numberOf(await since())).toBe(12345);
    await claim(lease, "worker 3");
    await store.fail(lease, { ...failure, fence: "worker 3" });
    expect(await since()).toBeNull();
  });

  it("drops a due entry that has no record, which would come up for ever", async () => {
    await client.call("ZADD", key("due"), 1000, "aws/creds/a/stray");
    const { due } = await store.peekDue(accessor, { limit: 10, touch: true });
    expect(due).toEqual([{ id: "aws/creds/a/stray", dueAtMs: 1000 }]);
    const claims = due.map((each) => ({ kind: "due", ...each }) as const);
    expect(await store.claim(accessor, claims, { fence: "worker", visibilityMs: 1000 })).toEqual([
      { kind: "unknown" },
    ]);
    expect(await members("due")).toEqual([]);
  });

  it("makes Redis expire the keys of due leases at once when it touches them", async () => {
    await client.call("DEBUG", "SET-ACTIVE-EXPIRE", "0");
    const { expiresAtMs } = await issue({ expiresAtMs: (await store.nowMs()) + 50 });
    while ((await store.peekDue(accessor, { limit: 10, touch: false })).nowMs < expiresAtMs + 5);
    expect(numberOf(await client.call("DBSIZE"))).toBeGreaterThan(8);
    const before = await expiredKeys();
    await store.peekDue(accessor, { limit: 10, touch: true });
    expect((await expiredKeys()) - before).toBe(1);
    await client.call("DEBUG", "SET-ACTIVE-EXPIRE", "1");
  });

  it("goes on after Redis was told to forget its scripts", async () => {
    await issue();
    await client.call("SCRIPT", "FLUSH");
    const lease = await issue();
    expect((await store.get(lease))?.state).toBe("active");
  });

  it("lists a full page where leases end while it reads", async () => {
    const leases = await Promise.all(Array.from({ length: 12 }, () => issue()));
    const inOrder = leases.toSorted((one, other) => (one.id < other.id ? -1 : 1));
    const ending = inOrder.slice(0, 3);
    const slow: RedisClient = {
      ...client,
      async call(command, ...args) {
        const reply = await client.call(command, ...args);
        for (const lease of ending.splice(0)) await store.finish(lease, lease);
        return reply;
      },
    };
    const page = await createRedisLeaseStore({ client: slow }).list(accessor, {
      prefix: "",
      after: "",
      limit: 5,
    });
    expect(page.map(({ id }) => id)).toEqual(inOrder.slice(3, 8).map(({ id }) => id));
  });

  it("estimates Redis's time without asking it again", async () => {
    const first = await store.nowMs();
    const commands = async () => Number(/cmdstat_time:calls=(\d+)/.exec(await commandStats())?.[1] ?? 0);
    const before = await commands();
    for (let i = 0; i < 100; i++) expect(Math.abs((await store.nowMs()) - first)).toBeLessThan(5000);
    expect(await commands()).toBe(before);
  });

  it("says that Redis stored a lease, but too few replicas have it", async () => {
    const careful = createRedisLeaseStore({ client, replicasAwaited: 1 });
    await expect(careful.begin(await newLease())).rejects.toMatchObject({
      code: "STORAGE_UNAVAILABLE",
      message: expect.stringContaining("0 of 1 replicas"),
    });
  });

  describe("in a full Redis", () => {
    afterEach(() => redis.configSet("maxmemory", "0"));

    it("begins no lease, and revokes those there are", async () => {
      const leases = [await issue(), await issue(), await issue()] as const;
      await redis.configSet("maxmemory", "1mb");
      const full = { code: "STORAGE_UNAVAILABLE", message: expect.stringContaining("full") };
      const unborn = await newLease();
      await expect(store.begin(unborn)).rejects.toMatchObject(full);
      await expect(renew(leases[0])).rejects.toMatchObject(full);
      const storage = createRedisStorage(client);
      await expect(storage.put(accessor, "roles/a", new Uint8Array([1]))).rejects.toMatchObject(full);
      const outcomes = await store.claim(
        accessor,
        leases.map(({ id }) => ({ kind: "requested", id })),
        { fence: "worker", visibilityMs: 60_000 },
      );
      expect(outcomes.map(({ kind }) => kind)).toEqual(["claimed", "claimed", "claimed"]);
      const change = { ...leases[0], fence: "worker" };
      expect(await store.disarmed(leases[0], { ...change, next: { keepClaim: true } })).toBe("done");
      expect(await store.fail(leases[1], { ...failure, fence: "worker" })).toBe("done");
      expect(await store.finish(leases[0], change)).toBe("done");
      expect(await store.list(accessor, { prefix: "", after: "", limit: 10 })).toHaveLength(2);
      expect(await store.peekDue(accessor, { limit: 10, touch: true })).toMatchObject({
        due: [{ id: leases[1].id }],
      });
      await store.setMountState(accessor, "unmounting");
      expect(await store.get(unborn)).toBeUndefined();
    });
  });
});

const readAll = { name: "read all", text: "return redis.call('HGETALL', KEYS[1])", sha1: "0".repeat(40) };
/** The ids in one bucket of a caller's index: a bucket that ends in four digits of a UUID has the other 28 of each. */
function idsOfBucket([bucket, members]: readonly [string, Buffer]): string[] {
  const ids: string[] = [];
  for (let at = 0; at < members.length; ) {
    const end = at + 1 + (members[at] ?? 0);
    const member = members.subarray(at + 1, end);
    const [, a = "", b = "", c = "", d = "", e = ""] =
      /^(.{4})(.{4})(.{4})(.{4})(.{12})$/.exec(member.toString("hex")) ?? [];
    ids.push(bucket.endsWith("/") ? `${bucket}${member}` : `${bucket}${a}-${b}-${c}-${d}-${e}`);
    at = end;
  }
  return ids;
}
const commandStats = async () => textOf(await client.call("INFO", "commandstats"));
const expiredKeys = async () =>
  Number(/expired_keys:(\d+)/.exec(textOf(await client.call("INFO", "stats")))?.[1]);
