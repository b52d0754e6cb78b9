import { createAttemptLimits } from "./attempt-limits.ts";
import { RetryLater, type SecretType, Throttled } from "./backend.ts";
import type { Clock } from "./clock.ts";
import { creationEndsAtMs } from "./creation-limit.ts";
import { formatDuration } from "./duration.ts";
import type { EngineSettings } from "./engine-settings.ts";
import { CoreError } from "./errors.ts";
import type { JsonObject } from "./json.ts";
import type { Lease } from "./lease.ts";
import type { LeaseStore } from "./lease-store.ts";
import { type Mount, secretTypeOf } from "./mount.ts";
import { untilAborted } from "./until-aborted.ts";

/** Stores what the handle of a lease is now, and that its secret is disarmed. Rejects with `ClaimLostError`. */
export type Checkpoint = (handle: JsonObject) => Promise<void>;

/** Thrown where somebody else works on a lease by now: their attempt counts, not ours. */
export class ClaimLostError extends Error {
  constructor() {
    super("Another worker holds the claim.");
    this.name = "ClaimLostError";
  }
}

/** The secret to unmake. */
export interface Unmaking {
  readonly mount: Mount;
  readonly lease: Lease;
  readonly store: Checkpoint;
  /** Whether whoever asks is the one that made the secret, and makes nothing any more; others only know the limit. */
  readonly isCreationOver?: boolean;
  /** Hears what the backend has to say to whoever asked for it. */
  readonly warn?: (warning: string) => void;
}

/** A disarming that is under way, or has ended. */
interface Disarming {
  readonly type: SecretType;
  readonly nowMs: number;
  readonly disarmed: Promise<void>;
  readonly signal: AbortSignal;
}

/**
 * Asks the backend to unmake secrets, within the limits of an attempt: first the backend is told to stop, and one that
 * does not is left behind while the claim still holds, so that nobody waits for it and nobody else has the lease yet.
 */
export interface Unmaker {
  /** Takes everything away. Disarming and the rest run side by side: what needs the key to be dead waits for that inside `destroy`. */
  unmake(unmaking: Unmaking): Promise<void>;
  /**
   * Only makes the secret useless, and records nothing. Where the backend finds nothing to disarm, or knows no such step, it goes
   * on and takes everything away: answers which.
   */
  disarm(unmaking: Unmaking): Promise<"disarmed" | "unmade">;
}

/** Makes the unmaker. */
export function createUnmaker(options: {
  readonly leases: LeaseStore;
  readonly settings: EngineSettings;
  readonly clock: Clock;
}): Unmaker {
  const { leases, settings, clock } = options;

  /** Takes away what is left, beside the disarming. */
  const destroy = async (unmaking: Unmaking, { type, nowMs, disarmed, signal }: Disarming): Promise<void> => {
    const { lease, store, isCreationOver = false, warn } = unmaking;
    const creationLimitMs = creationEndsAtMs(lease, settings);
    let latest = lease.handle;
    let isRecorded = lease.disarmedAtMs !== undefined;
    const destroyed = type.destroy(lease.handle, {
      disarmed,
      signal,
      nowMs,
      createsEndedAtMs: isCreationOver ? Math.min(creationLimitMs, nowMs) : creationLimitMs,
      checkpoint: async (handle) => {
        // The record will say "disarmed", and no later attempt disarms again: so not before that is true.
        await disarmed;
        await store(handle);
        latest = handle;
        isRecorded = true;
      },
      ...(warn && { warn }),
    });
    const [disarming, destroying] = await Promise.allSettled([disarmed, destroyed]);
    if (destroying.status === "fulfilled") return;
    if (type.disarm && disarming.status === "fulfilled" && !isRecorded) await store(latest);
    throw destroying.reason;
  };

  const startDisarming = (
    { mount, lease }: Unmaking,
    { nowMs, signal }: Pick<Disarming, "nowMs" | "signal">,
  ): Disarming => {
    const type = secretTypeOf(mount, lease.secretType);
    const isDone = lease.disarmedAtMs !== undefined;
    const disarmed = (isDone ? undefined : type.disarm?.(lease.handle, { signal })) ?? Promise.resolve();
    // Heard here as well, for a `destroy` that fails before it listens.
    disarmed.catch(() => {});
    return { type, nowMs, disarmed, signal };
  };

  const unmake = async (unmaking: Unmaking, signal: AbortSignal): Promise<void> => {
    const nowMs = await leases.nowMs();
    await destroy(unmaking, startDisarming(unmaking, { nowMs, signal }));
  };

  const disarm = async (unmaking: Unmaking, signal: AbortSignal): Promise<"disarmed" | "unmade"> => {
    const nowMs = await leases.nowMs();
    const disarming = startDisarming(unmaking, { nowMs, signal });
    try {
      await disarming.disarmed;
      if (disarming.type.disarm && unmaking.lease.disarmedAtMs === undefined) return "disarmed";
    } catch (error) {
      const isForDestroyToJudge = error instanceof RetryLater && !(error instanceof Throttled);
      if (!isForDestroyToJudge) throw error;
    }
    await destroy(unmaking, disarming);
    return "unmade";
  };

  const startLimits = createAttemptLimits({
    clock,
    stopAfterMs: settings.attemptMs,
    leaveAfterMs: (settings.attemptMs + settings.visibilityMs) / 2,
  });

  const inTime = async <T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const { stop, leave, end } = startLimits();
    try {
      return await untilAborted(work(stop), leave);
    } catch (error) {
      const isKnown = [CoreError, RetryLater, ClaimLostError].some((known) => error instanceof known);
      if (isKnown || !stop.aborted) throw error;
      const message = `The backend did not answer within ${formatDuration(settings.attemptMs)}.`;
      throw new CoreError("BACKEND_UNAVAILABLE", message, { cause: error });
    } finally {
      end();
    }
  };

  return {
    unmake: (unmaking) => inTime((signal) => unmake(unmaking, signal)),
    disarm: (unmaking) => inTime((signal) => disarm(unmaking, signal)),
  };
}
