import type { TtlDefaults } from "./ttl.ts";

/** Times and numbers that the lease engine goes by. */
export interface EngineSettings extends TtlDefaults {
  /** How long an issuing lease may take before it is cleaned up. */
  readonly issueGraceMs: number;
  /** No creating call is sent later than this after the lease began; less than the grace. */
  readonly issueDeadlineMs: number;
  /** How long one attempt to revoke may take. */
  readonly attemptMs: number;
  /** How long a claim holds; longer than an attempt, so that two servers never work on one lease. */
  readonly visibilityMs: number;
  /** How many leases of one mount are revoked at once by one server. */
  readonly laneConcurrency: number;
  /** How long a caller who asked for a revocation waits for one that goes on by itself. */
  readonly revokeWaitMs: number;
  /** False leaves waking to the events. */
  readonly isTimerOn: boolean;
  /** The largest share of a granted TTL that is taken off at random; 0 grants every TTL in full. */
  readonly ttlSpreadShare: number;
  /** How long the idempotency key of an issue is remembered. */
  readonly idempotencyMs: number;
}

/** Settings that nobody has to change; the rest comes from the configuration. */
export const engineDefaults = {
  // A server that dies while it revokes holds its claims this long: two slow calls fit, and nobody waits for more.
  attemptMs: 8_000,
  visibilityMs: 12_000,
  // In a storm a lease takes its place twice, for some 50 ms each: fewer places would leave the processor idle while keys live on.
  laneConcurrency: 256,
  revokeWaitMs: 10_000,
  ttlSpreadShare: 0.02,
  idempotencyMs: 600_000,
} as const satisfies Partial<EngineSettings>;
