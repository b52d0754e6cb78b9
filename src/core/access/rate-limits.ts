import { CoreError } from "../errors.ts";
import { networkOf } from "./network-of.ts";

const rememberedMax = 10_000;

/** So many calls a second, with as many at once as come in one second. */
export interface PathRate {
  /** Start of the paths that it is about. */
  readonly prefix: string;
  readonly perSecond: number;
}

/** Limits on how often callers may call one server. */
export interface RateLimitSettings {
  /** Calls of one caller a second, with twice as many at once; undefined means no limit. */
  readonly callerPerSecond: number | undefined;
  /** Calls of one caller a second to the paths under a prefix; the longest prefix counts. */
  readonly paths: readonly PathRate[];
  /** How many calls from one address, or one IPv6 /64, may fail for want of a good token or login in a minute, before all that have none are refused. */
  readonly failuresPerMinute: number;
}

/** Limits that hold unless others are set. */
export const defaultRateLimits: RateLimitSettings = {
  callerPerSecond: undefined,
  paths: [],
  // A person who mistypes, and a service that starts over and over, stay below; a guesser of tokens does not come far.
  failuresPerMinute: 60,
};

/** Keeps count of calls. It knows nothing of other servers: N servers let N times as much through. */
export interface RateLimits {
  /** Admits whoever has shown no good token or login yet. Throws `RATE_LIMITED`. */
  admitStranger(peer: string): void;
  /** Counts a failure to show one. */
  noteFailure(peer: string): void;
  /** Admits a call of a caller; asks for its path only where that matters. Throws `RATE_LIMITED`. */
  admit(callerId: string, pathOf: () => string | undefined): void;
}

interface Bucket {
  tokens: number;
  atMs: number;
}

/** Buckets by name, of which the one that was not used for longest goes first. */
function createBuckets(nowMs: () => number) {
  const buckets = new Map<string, Bucket>();

  /** The bucket as it is now. */
  const filled = (name: string, perSecond: number, burst: number): Bucket => {
    const now = nowMs();
    const before = buckets.get(name) ?? { tokens: burst, atMs: now };
    const gained = ((now - before.atMs) / 1000) * perSecond;
    const bucket = { tokens: Math.min(burst, before.tokens + Math.max(0, gained)), atMs: now };
    buckets.delete(name);
    buckets.set(name, bucket);
    const [oldest] = buckets.keys();
    if (buckets.size > rememberedMax && oldest !== undefined) buckets.delete(oldest);
    return bucket;
  };
  return { filled };
}

/** Makes the limits. */
export function createRateLimits(settings: RateLimitSettings, nowMs: () => number): RateLimits {
  const { callerPerSecond, failuresPerMinute } = settings;
  const paths = [...settings.paths].sort((one, other) => other.prefix.length - one.prefix.length);
  const calls = createBuckets(nowMs);
  const failures = createBuckets(nowMs);
  const failuresPerSecond = failuresPerMinute / 60;
  // With room for less than one there would never be one.
  const failuresAtOnce = Math.max(1, failuresPerMinute);

  const take = (name: string, perSecond: number, burst: number, what: string): void => {
    const bucket = calls.filled(name, perSecond, burst);
    if (bucket.tokens < 1) {
      throw limited(
        `${what} are limited to ${perSecond} a second for each caller.`,
        ((1 - bucket.tokens) / perSecond) * 1000,
      );
    }
    bucket.tokens -= 1;
  };

  return {
    admitStranger(peer) {
      const { tokens } = failures.filled(sourceOf(peer), failuresPerSecond, failuresAtOnce);
      if (tokens >= 1) return;
      const waitMs = ((1 - tokens) / failuresPerSecond) * 1000;
      throw limited("Too many calls from this address had no good token or login.", waitMs);
    },
    noteFailure(peer) {
      const bucket = failures.filled(sourceOf(peer), failuresPerSecond, failuresAtOnce);
      bucket.tokens = Math.max(0, bucket.tokens - 1);
    },
    admit(callerId, pathOf) {
      if (callerPerSecond !== undefined)
        take(callerId, callerPerSecond, Math.max(1, 2 * callerPerSecond), "Calls");
      if (paths.length === 0) return;
      const path = pathOf();
      const rate = path === undefined ? undefined : paths.find(({ prefix }) => path.startsWith(prefix));
      if (!rate) return;
      const { prefix, perSecond } = rate;
      take(`${callerId} ${prefix}`, perSecond, Math.max(1, perSecond), `Calls under "${prefix}"`);
    },
  };
}

/** The network of a peer, which is named by address and port. */
function sourceOf(peer: string): string {
  return networkOf(peer.replace(/:\d+$/, ""));
}

function limited(why: string, waitMs: number): CoreError {
  const retryAfterMs = Math.ceil(waitMs);
  return new CoreError("RATE_LIMITED", `${why} Try again in ${retryAfterMs} ms.`, {
    details: { retry_after_ms: String(retryAfterMs) },
    retryAfterMs,
  });
}
