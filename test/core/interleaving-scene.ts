import fc from "fast-check";
import { CoreError } from "../../src/core/errors.ts";
import type { LeaseView, OperationName, Operations, SecretReply } from "../../src/core/requests.ts";
import { type CoreHarness, createCoreHarness, type TestServer } from "../kit/core-harness.ts";
import { settle } from "../kit/manual-clock.ts";

/** What a caller does at the same time as others; `server` is which of the two it asks. */
export type Deed =
  | { readonly do: "issue"; readonly server: number; readonly ttl?: number }
  | { readonly do: "renew"; readonly server: number; readonly incrementMs?: number }
  | { readonly do: "revoke" | "revoke prefix" | "unmount"; readonly server: number };

/** In what order things happen: which call goes on next, and how much time passes before it does. */
export interface Schedule {
  readonly scheduler: fc.Scheduler;
  /** Milliseconds before each of the first steps. */
  readonly pauses: readonly number[];
}

/** Any order of the calls; most steps take no time, and some take as long as a grace. */
export const schedule: fc.Arbitrary<Schedule> = fc.record({
  scheduler: fc.scheduler(),
  pauses: fc.array(
    fc.oneof(
      { weight: 5, arbitrary: fc.constant(0) },
      { weight: 2, arbitrary: fc.integer({ min: 1, max: 300 }) },
      { weight: 1, arbitrary: fc.integer({ min: 1000, max: 6000 }) },
    ),
    { minLength: 10, maxLength: 40 },
  ),
});

/** Two servers of one deployment, one lease, and callers whose calls to the outside overtake one another. */
export interface Interleaving {
  readonly harness: CoreHarness;
  /** The lease that was there before. */
  readonly first: LeaseView;
  /** What went wrong on the way, in words. */
  readonly problems: readonly string[];
  /** What each deed ended with: what it answered, or the error. */
  readonly answers: readonly unknown[];
}

/** Calls that are held up; the rest only looks. */
const leaseCalls = [
  "begin",
  "activate",
  "renew",
  "reopen",
  "claim",
  "disarmed",
  "finish",
  "fail",
  "get",
] as const;
const mountCalls = ["setMountState", "forgetMount"] as const;
const vendorCalls = ["createUser", "createKey", "moveExpiry", "deleteKeys", "deleteUser"] as const;
const times = { issueGraceMs: 8000, issueDeadlineMs: 5000, defaultTtlMs: 8000, maxTtlMs: 20_000 };
const turnsMax = 600;
/** More than the longest lease, its grace, and the back-offs of what was refused on the way. */
const drainMsMax = 90_000;

/** Has deeds done at the same time, until everybody has an answer and everything has ended. */
export async function interleave(
  deeds: readonly Deed[],
  { scheduler, pauses }: Schedule,
): Promise<Interleaving> {
  const harness = createCoreHarness(times);
  const { clock, leases, vendor } = harness;
  const problems: string[] = [];
  let isHeldUp = false;
  const held = async <T>(name: string, call: () => Promise<T>, mayStart: () => boolean): Promise<T> => {
    if (!isHeldUp) return call();
    await scheduler.schedule(Promise.resolve(), name);
    // A call whose caller has given up before it arrived does nothing.
    if (!mayStart()) throw new CoreError("BACKEND_UNAVAILABLE", `${name} was given up on.`);
    const [result] = await Promise.allSettled([call()]);
    if (isHeldUp) await scheduler.schedule(Promise.resolve(), `${name} answers`);
    if (result.status === "rejected") throw result.reason;
    return result.value;
  };
  const holdUp = <Target extends object>(target: Target, names: readonly (keyof Target & string)[]): void => {
    for (const name of names) {
      const call = target[name] as (...given: readonly unknown[]) => Promise<unknown>;
      const through = (...given: readonly unknown[]) => {
        const signal = given.find((each) => each instanceof AbortSignal);
        return held(
          name,
          () => call(...given),
          () => !signal?.aborted,
        );
      };
      Object.assign(target, { [name]: through });
    }
  };
  holdUp(leases, [...leaseCalls, ...mountCalls]);
  holdUp(vendor, vendorCalls);

  const servers = [await harness.start(), await harness.start()] as const;
  await servers[0].mount();
  await clock.advance(1500);
  const { lease: first } = await servers[0].issue();
  const told = new Map<string, { expiresAtMs: number }>([[first.id, first]]);
  const asked = new Set<string>();
  let makers = 0;

  const keysOf = (id: string) => [...(vendor.users.get(userOf(id))?.keys.keys() ?? [])];
  const check = (): void => {
    const stored = new Map(leases.leases().map((lease) => [userOf(lease.id), lease]));
    for (const [user, { keys, expiresAtMs }] of vendor.users) {
      if (keys.size > 1) problems.push(`${user} has ${keys.size} keys`);
      // The one who is making it takes it away again where its lease has ended meanwhile.
      if (!stored.has(user) && makers === 0) problems.push(`no lease names ${user}`);
      if (expiresAtMs > startedMs + times.maxTtlMs + 60_000) problems.push(`${user} lasts past its maximum`);
    }
    for (const { id, expiresAtMs } of stored.values())
      if (expiresAtMs > (issuedMs.get(id) ?? clock.nowMs()) + times.maxTtlMs)
        problems.push(`${id} lasts past its maximum`);
    for (const [id, { expiresAtMs }] of told)
      if (!asked.has(id) && expiresAtMs > clock.nowMs() && keysOf(id).length !== 1)
        problems.push(`${id} has ${keysOf(id).length} keys before its expiry, and nobody asked for its end`);
  };
  const startedMs = clock.nowMs();
  const issuedMs = new Map([[first.id, first.issuedAtMs]]);

  const learn = ({ lease, data }: SecretReply): void => {
    if (!lease) return;
    issuedMs.set(lease.id, lease.issuedAtMs);
    if (told.has(lease.id)) problems.push(`${lease.id} is told to two callers`);
    told.set(lease.id, { expiresAtMs: lease.expiresAtMs });
    const isOver = lease.expiresAtMs <= clock.nowMs() || asked.has("all");
    if (isOver) asked.add(lease.id);
    else if (String(keysOf(lease.id)) !== String(data?.["access_key"]))
      problems.push(`${lease.id} is told with a key that does not exist`);
  };
  const askedForAll = (): void => {
    asked.add("all");
    for (const id of told.keys()) asked.add(id);
  };
  const send = async (deed: Deed): Promise<unknown> => {
    const server = servers[deed.server % 2] ?? servers[0];
    switch (deed.do) {
      case "issue": {
        makers += 1;
        const data = deed.ttl === undefined ? {} : { ttl: deed.ttl };
        const reply = await call(server, "read", { path: "scripted/creds/x", data });
        learn(reply);
        return reply;
      }
      case "renew": {
        const known = told.get(first.id);
        const { incrementMs } = deed;
        if (known && incrementMs !== undefined)
          known.expiresAtMs = Math.min(known.expiresAtMs, clock.nowMs() + incrementMs);
        return call(server, "renewLease", { leaseId: first.id, incrementMs });
      }
      case "revoke":
        asked.add(first.id);
        await call(server, "revokeLease", { leaseId: first.id });
        if (keysOf(first.id).length > 0)
          problems.push(`${first.id} is told to be revoked, and its key lives`);
        return "revoked";
      case "revoke prefix":
        askedForAll();
        return call(server, "revokePrefix", { prefix: "scripted" });
      case "unmount": {
        askedForAll();
        const answer = await call(server, "unmount", { path: "scripted" });
        if (answer.pending === 0 && vendor.alive().length > 0 && makers === 0)
          problems.push("it is unmounted, and something of it is alive");
        return answer;
      }
    }
  };

  isHeldUp = true;
  const answers: unknown[] = deeds.map(() => undefined);
  let open = deeds.length;
  for (const [at, deed] of deeds.entries()) {
    const note = (answer: unknown): void => {
      answers[at] = answer;
      open -= 1;
    };
    void send(deed).then(note, note);
  }
  await settle();
  for (let turn = 0; turn < turnsMax && (open > 0 || scheduler.count() > 0); turn++) {
    const pauseMs = pauses[turn] ?? 0;
    if (pauseMs > 0) await clock.advance(pauseMs);
    if (scheduler.count() > 0) await scheduler.waitOne();
    else if (open > 0) await clock.advance(100);
    await settle();
    check();
  }
  if (open > 0) problems.push(`${open} callers have no answer`);
  isHeldUp = false;
  await scheduler.waitIdle();
  const drainedByMs = clock.nowMs() + drainMsMax;
  const isLeft = () => leases.leases().length + vendor.alive().length > 0;
  while (isLeft() && clock.nowMs() < drainedByMs) await clock.advance(2000);
  makers = 0;
  check();
  await harness.stop();
  return { harness, first, problems, answers };
}

function call<Name extends OperationName>(
  server: TestServer,
  name: Name,
  input: Operations[Name]["input"],
): Promise<Operations[Name]["output"]> {
  return server.call(name, input);
}

function userOf(id: string): string {
  return `user-${id.split("/").at(-1)}`;
}
