import type { FaultKind } from "./faults.ts";
import type { Random } from "./random.ts";
import type { Server, Servers } from "./servers.ts";
import type { World } from "./world.ts";

/** Faults that strike calls while a window is open, and how probably. */
const windowKinds: readonly { readonly kind: FaultKind; readonly rates: readonly number[] }[] = [
  { kind: "redis: connection reset", rates: [0.02, 0.1] },
  { kind: "redis: reply lost", rates: [0.02, 0.1, 0.4] },
  { kind: "redis: slow", rates: [0.05, 0.3] },
  { kind: "redis: paused", rates: [0.02, 0.1] },
  { kind: "redis: black hole", rates: [0.1, 1] },
  { kind: "redis: out of memory", rates: [0.3, 1] },
  { kind: "redis: events late", rates: [0.5, 1] },
  { kind: "aws: throttled", rates: [0.2, 0.6, 0.95] },
  { kind: "aws: error before effect", rates: [0.1, 0.5] },
  { kind: "aws: error after effect", rates: [0.1, 0.5] },
  { kind: "aws: reply lost", rates: [0.1, 0.5] },
  { kind: "aws: effect after time-out", rates: [0.05, 0.3] },
  { kind: "aws: unreachable", rates: [0.3, 1] },
  { kind: "aws: black hole", rates: [0.1, 1] },
  { kind: "aws: access denied", rates: [0.3, 1] },
  { kind: "aws: delete conflict", rates: [0.5, 1] },
  { kind: "aws: slow", rates: [0.2, 0.8] },
  { kind: "aws: creation seen late", rates: [0.5, 1] },
  { kind: "aws: deletion seen late", rates: [0.5, 1] },
  { kind: "caller: reply lost", rates: [0.1, 0.5] },
  { kind: "watcher: lagging", rates: [0.2, 1] },
];

/** Whether Redis comes back from a backup in the run of a seed: one of its work, or one of the time before it had any. */
export function restores(seed: number): "backup" | "empty" | undefined {
  if (seed % 8 !== 6) return undefined;
  return seed % 16 === 6 ? "empty" : "backup";
}

/** Whether the AWS of one mount answers nothing for a while, and all else goes well. */
export function hasHangingMount(seed: number): boolean {
  return seed % 24 === 17;
}

/**
 * Has a brand-new Redis go down in some runs, so that it loses what was written first: the keyring. In some of these the
 * servers get no processor time just then, and another one that starts makes a keyring of its own.
 */
export function planFirstSecond({ random, redis, scheduler }: World, servers: Servers): void {
  const chance = random("first second");
  if (redis.durability === "always" || !chance.chance(0.4)) return;
  const downMs = chance.between(50, 500);
  const isReplaced = chance.chance(0.5);
  scheduler.after(chance.between(1, 900), () => {
    redis.crash(downMs);
    if (!isReplaced) return;
    for (const { process } of servers.ready()) process.stall(downMs + 700);
    scheduler.after(downMs, () => servers.start(1));
  });
}

function planRestore({ seed, scheduler, redis, faults }: World, random: Random, untilMs: number): void {
  const lengthMs = untilMs - scheduler.nowMs();
  const isEmptied = restores(seed) === "empty";
  if (!isEmptied) scheduler.after(random.between(0, lengthMs * 0.3), redis.backUp);
  scheduler.after(random.between(lengthMs * 0.5, lengthMs * 0.8), () => {
    if (redis.restore(random.between(500, 5000)))
      faults.fired(isEmptied ? "redis: emptied" : "redis: restored from a backup");
  });
}

/** Opens windows and does faults until a time, after which nothing goes wrong any more. */
export function planFaults(world: World, servers: Servers, untilMs: number): void {
  const { scheduler, faults } = world;
  const random = world.random("fault plan");
  const nowMs = scheduler.nowMs();
  const lengthMs = untilMs - nowMs;
  // One run in twelve has no faults, but for one mount's in half of them: what goes wrong then is wrong.
  if (hasHangingMount(world.seed)) {
    const fromMs = nowMs + lengthMs * 0.3;
    faults.open({ kind: "aws: one mount hangs", fromMs, toMs: untilMs, rate: 1 });
  }
  if (world.seed % 12 === 5) return;

  const windows = random.whole(1, 9);
  for (let number = 0; number < windows; number++) {
    const { kind, rates } = random.pick(windowKinds);
    const fromMs = nowMs + random.between(0, lengthMs * 0.8);
    const toMs = Math.min(untilMs, fromMs + random.between(2000, random.pick([6000, 15_000, 40_000])));
    faults.open({ kind, fromMs, toMs, rate: random.pick(rates) });
  }
  if (restores(world.seed) !== undefined) planRestore(world, random, untilMs);
  const acts = actsOf({ world, servers, random, untilMs });
  const count = random.whole(1, 8);
  for (let number = 0; number < count; number++) {
    scheduler.after(random.between(0, lengthMs * 0.95), random.pick(acts));
  }
}

function actsOf(context: {
  readonly world: World;
  readonly servers: Servers;
  readonly random: Random;
  readonly untilMs: number;
}): readonly (() => void)[] {
  const { world, servers, random, untilMs } = context;
  const { scheduler, faults, redis, callPoints, settings } = world;
  const onServer = (act: (server: Server) => void) => (): void => {
    const ready = servers.ready();
    if (ready.length > 0) act(random.pick(ready));
  };
  const jumpRedis = (kind: FaultKind, ms: number): void => {
    faults.fired(kind);
    redis.jumpClock(ms);
    world.ledger.clockSlackMs += Math.abs(ms);
  };
  const goDown = (): void => {
    if (!redis.isUp) return;
    const kinds: Readonly<Record<typeof redis.durability, FaultKind>> = {
      always: "redis: restart, nothing lost",
      everysec: "redis: restart, tail lost",
      replica: "redis: failover, tail lost",
      "replica with WAIT": "redis: failover, acknowledged kept",
    };
    faults.fired(kinds[redis.durability]);
    const downMs = random.between(100, random.pick([1000, 5000, 20_000]));
    redis.crash(Math.min(downMs, Math.max(1, untilMs - scheduler.nowMs())));
  };
  const crashAtCall = (when: "before" | "after") =>
    onServer((server) => callPoints.arm(server.process, when, random.whole(1, 40)));
  const stall = (kind: FaultKind, min: number, max: number) =>
    onServer(({ process }) => {
      faults.fired(kind);
      process.stall(random.between(min, max));
    });

  return [
    goDown,
    goDown,
    onServer((server) => {
      faults.fired("server: crash");
      servers.kill(server);
    }),
    crashAtCall("before"),
    crashAtCall("before"),
    crashAtCall("after"),
    crashAtCall("after"),
    onServer(({ process }) => {
      const stallMs = random.between(settings.visibilityMs + 1000, 60_000);
      callPoints.arm(process, { stallMs }, random.whole(1, 40));
    }),
    stall("server: stall", 500, settings.visibilityMs / 2),
    stall("server: stall past its claim", settings.visibilityMs + 1000, 60_000),
    onServer(({ process }) => {
      faults.fired("server: clock jump");
      process.jumpClock(random.between(-30_000, 30_000));
    }),
    onServer((server) => {
      faults.fired("server: restart in order");
      servers.restart(server);
    }),
    onServer(({ connection }) => {
      faults.fired("redis: connection reset");
      connection.reset();
    }),
    onServer(({ events }) => {
      const fromMs = scheduler.nowMs();
      faults.open({ kind: "redis: events cut", fromMs, toMs: Math.min(untilMs, fromMs + 30_000), rate: 1 });
      faults.fired("redis: events cut");
      events.cut();
    }),
    () => jumpRedis("redis: clock forward", random.between(100, 4000)),
    () => jumpRedis("redis: clock back", -random.between(100, 4000)),
    () => {
      faults.fired("redis: event key gone");
      redis.evictEventKeys();
    },
  ];
}
