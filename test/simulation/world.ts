import type { EngineSettings } from "../../src/core/engine-settings.ts";
import { type AwsAccount, createAwsAccount } from "./aws-account.ts";
import { type CallPoints, createCallPoints } from "./call-points.ts";
import { createFaults, type Faults } from "./faults.ts";
import { createLedger, type Ledger } from "./ledger.ts";
import { createModelRedis, type Durability, type ModelRedis } from "./model-redis.ts";
import { createOperator, type Operator } from "./operator.ts";
import { createRandom, type Random } from "./random.ts";
import { createScheduler, type Scheduler } from "./scheduler.ts";
import { createTrace, type Trace } from "./trace.ts";

/** Everything that is outside of the servers, and what is known about a run. */
export interface World {
  readonly seed: number;
  readonly scheduler: Scheduler;
  readonly trace: Trace;
  readonly faults: Faults;
  readonly callPoints: CallPoints;
  readonly redis: ModelRedis;
  readonly account: AwsAccount;
  readonly ledger: Ledger;
  readonly operator: Operator;
  readonly settings: EngineSettings;
  /** How long "no such user" is not believed after the last creating call. */
  readonly consistencyMs: number;
  /** Chance for one purpose. */
  random(purpose: string): Random;
}

/** Times like those of production, but for being shorter, and in the same proportions where it matters. */
export const simulationSettings: EngineSettings = {
  defaultTtlMs: 30_000,
  maxTtlMs: 120_000,
  issueGraceMs: 30_000,
  issueDeadlineMs: 20_000,
  attemptMs: 6000,
  visibilityMs: 10_000,
  laneConcurrency: 4,
  revokeWaitMs: 5000,
  isTimerOn: true,
  ttlSpreadShare: 0.02,
  idempotencyMs: 60_000,
};

/** More than a call can be under way (8 s) and then stay unseen (8 s). */
const consistencyMs = 20_000;

const durabilities: readonly Durability[] = ["always", "everysec", "replica", "replica with WAIT"];

/** Makes the world of a seed. */
export function createWorld(seed: number, options: { readonly isTraced: boolean }): World {
  const random = (purpose: string): Random => createRandom(seed, purpose);
  const scheduler = createScheduler(random("catching up"));
  const nowMs = () => scheduler.nowMs();
  const trace = createTrace({ nowMs, isKept: options.isTraced });
  const faults = createFaults({ nowMs, random: random("faults"), trace });
  const awsRandom = random("aws");
  const account = createAwsAccount({
    nowMs,
    creationDelayMs: () =>
      faults.strikes("aws: creation seen late") ? awsRandom.between(500, 8000) : awsRandom.between(0, 30),
    deletionDelayMs: () =>
      faults.strikes("aws: deletion seen late") ? awsRandom.between(500, 8000) : awsRandom.between(0, 30),
  });
  const durability = durabilities[seed % durabilities.length] ?? "always";
  // Few enough that a watcher who is away for a while misses some.
  const eventsMax = seed % 16 === 3 ? 12 : 10_000;
  const redis = createModelRedis({
    ...{ durability, scheduler, random: random("redis"), faults, trace, eventsMax },
  });
  trace.add(`seed ${seed}, redis ${durability}`);
  const ledger = createLedger({ redis, account, nowMs });
  return {
    ...{ seed, scheduler, trace, faults, redis, account, ledger, random },
    operator: createOperator(),
    callPoints: createCallPoints({ faults, trace }),
    settings: simulationSettings,
    consistencyMs,
  };
}
