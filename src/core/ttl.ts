import { formatDuration } from "./duration.ts";

/** What the request, the role and the backend's configuration say about TTLs, in milliseconds; unset where they say nothing. */
export interface TtlSources {
  readonly requestMs?: number | undefined;
  readonly roleMs?: number | undefined;
  readonly roleMaxMs?: number | undefined;
  readonly backendMs?: number | undefined;
  readonly backendMaxMs?: number | undefined;
  /** The shortest that the vendor can make; a request that comes to less is refused. */
  readonly leastMs?: number | undefined;
}

/** TTLs that hold where nothing more special is set, in milliseconds. */
export interface TtlDefaults {
  readonly defaultTtlMs: number;
  readonly maxTtlMs: number;
}

/** What a lease is granted. */
export interface GrantedTtl {
  readonly ttlMs: number;
  readonly maxTtlMs: number;
  readonly warnings: readonly string[];
}

/**
 * The TTL rule: the first that is set of request, role, backend, mount and
 * system; then cut, with a warning, to the least of all maxima that are set.
 */
export function grantTtl(sources: TtlSources, mount: Partial<TtlDefaults>, system: TtlDefaults): GrantedTtl {
  const wantedMs =
    sources.requestMs ?? sources.roleMs ?? sources.backendMs ?? mount.defaultTtlMs ?? system.defaultTtlMs;
  const maxTtlMs = Math.min(
    ...[sources.roleMaxMs, sources.backendMaxMs, mount.maxTtlMs, system.maxTtlMs].filter(
      (max) => max !== undefined,
    ),
  );
  if (wantedMs <= maxTtlMs) return { ttlMs: wantedMs, maxTtlMs, warnings: [] };
  const warning = `TTL of ${formatDuration(wantedMs)} is more than the maximum, and was cut to ${formatDuration(maxTtlMs)}.`;
  return { ttlMs: maxTtlMs, maxTtlMs, warnings: [warning] };
}

/** Shorter TTLs are not spread: a share of them is not worth a caller's surprise. */
const spreadTtlMsMin = 600_000;

/**
 * Shortens a TTL of 10 minutes and more by a random share in whole seconds, so that leases issued together do not
 * all come due together. `random` is in [0, 1); `shareMax` 0 leaves the TTL as it is.
 */
export function spreadTtl(
  ttlMs: number,
  { shareMax, random }: { readonly shareMax: number; readonly random: number },
): number {
  if (ttlMs < spreadTtlMsMin) return ttlMs;
  const secondsMax = Math.floor((ttlMs * shareMax) / 1000);
  return ttlMs - Math.floor(random * (secondsMax + 1)) * 1000;
}

/** What is asked of a renewal; times in milliseconds. */
export interface RenewalRequest {
  readonly nowMs: number;
  /** How long from now the lease is to live; unset means the first TTL, which never moves the expiry earlier. */
  readonly incrementMs: number | undefined;
  readonly expiresAtMs: number;
  readonly maxExpiresAtMs: number;
  /** TTL that the lease was issued with. */
  readonly firstTtlMs: number;
}

/** The renewal rule: the new expiry is the earlier of now + increment and issue + maximum. */
export function renewedExpiry(request: RenewalRequest): {
  readonly expiresAtMs: number;
  readonly isCut: boolean;
} {
  const { nowMs, incrementMs, maxExpiresAtMs } = request;
  const wantedMs =
    incrementMs === undefined
      ? Math.max(request.expiresAtMs, nowMs + request.firstTtlMs)
      : nowMs + incrementMs;
  return { expiresAtMs: Math.min(wantedMs, maxExpiresAtMs), isCut: wantedMs > maxExpiresAtMs };
}
