import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";
import { type Lease, LeaseState, LeaseStateSchema } from "../../gen/leasehold/v1/leases_pb.ts";
import { UsageError } from "./errors.ts";
import { durationSeconds, durationText } from "./flag-duration.ts";
import { tableLines } from "./output.ts";

/** A row of a table: a name and its value. */
type Row = readonly [string, JsonValue];

/**
 * The rows that stand before the data of what was issued. The names have at most
 * ten characters, so that they do not widen the column of a credential's own.
 */
export function leaseRows(lease: Lease): Row[] {
  return [
    ["lease_id", lease.id],
    ["lease_ttl", ttlText(lease)],
    ["renewable", lease.renewable],
    ["expires_at", timeText(lease.expiresAt)],
  ];
}

/** All that is known of a lease, as rows. */
export function leaseDetailRows(lease: Lease): Row[] {
  return [
    ["lease_id", lease.id],
    ["path", lease.path],
    ["state", stateName(lease.state)],
    ["lease_ttl", ttlText(lease)],
    ["renewable", lease.renewable],
    ["issued_at", timeText(lease.issuedAt)],
    ["expires_at", timeText(lease.expiresAt)],
    ["max_expires_at", timeText(lease.maxExpiresAt)],
    ...(lease.disarmedAt ? [["disarmed_at", timeText(lease.disarmedAt)] as const] : []),
    ...(lease.attempts > 0 ? [["attempts", lease.attempts] as const] : []),
    ...(lease.lastError ? [["last_error", lease.lastError] as const] : []),
  ];
}

/** Leases as the lines of a table, with what keeps a lease from ending where something does. */
export function leaseTable(leases: readonly Lease[]): string[] {
  const hasErrors = leases.some((lease) => lease.lastError !== "");
  const header = ["Lease ID", "State", "TTL", "Expires at", ...(hasErrors ? ["Last error"] : [])];
  return tableLines([
    header,
    ...leases.map((lease) => [
      lease.id,
      stateName(lease.state),
      ttlText(lease),
      timeText(lease.expiresAt),
      ...(hasErrors ? [lease.lastError] : []),
    ]),
  ]);
}

/** What a lease is in a JSON document; durations in seconds, times in RFC 3339, null where unset. */
export function leaseDocument(lease: Lease): JsonObject {
  return {
    ...leaseSummaryDocument(lease),
    path: lease.path,
    state: stateName(lease.state),
    disarmed_at: timeJson(lease.disarmedAt),
    attempts: lease.attempts,
    last_error: lease.lastError || null,
  };
}

/** The part of a lease that stands beside what was read; every key is null where nothing was leased. */
export function leaseSummaryDocument(lease: Lease | undefined): JsonObject {
  return {
    lease_id: lease?.id ?? null,
    lease_duration: lease?.ttl ? Math.ceil(durationSeconds(lease.ttl)) : null,
    renewable: lease?.renewable ?? null,
    issued_at: timeJson(lease?.issuedAt),
    expires_at: timeJson(lease?.expiresAt),
    max_expires_at: timeJson(lease?.maxExpiresAt),
  };
}

/** Name of a state as people write it: `active`. A state newer than this program is shown by its number. */
export function stateName(state: LeaseState): string {
  return LeaseStateSchema.value[state]?.localName.toLowerCase() ?? `state ${state}`;
}

/** Parses the name of a state, in any case. Throws a UsageError that lists the names. */
export function parseState(text: string): LeaseState {
  const known = Object.entries(LeaseState).filter(([, state]) => state !== LeaseState.UNSPECIFIED);
  const [, found] = known.find(([name]) => name.toLowerCase() === text.toLowerCase()) ?? [];
  if (found !== undefined) return found;
  const names = known.map(([name]) => `"${name.toLowerCase()}"`);
  throw new UsageError(`--state is "${text}"; it must be one of ${names.join(", ")}`);
}

/** A time as people and programs read it, to the second: `2026-08-22T10:00:00Z`; empty where unset. */
export function timeText(time: Timestamp | undefined): string {
  return time ? `${timestampDate(time).toISOString().slice(0, 19)}Z` : "";
}

/** A time in a JSON document, to the millisecond; null where unset. */
export function timeJson(time: Timestamp | undefined): string | null {
  return time ? timestampDate(time).toISOString() : null;
}

function ttlText({ ttl }: Lease): string {
  return ttl ? durationText(ttl) : "";
}
