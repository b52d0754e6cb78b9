import type { LeaseRef, LeaseState } from "../core/lease.ts";
import type { StoredLease } from "../core/lease-store.ts";

/** For how long it is remembered that a lease has ended. */
export const goneMemoryMs = 24 * 3_600 * 1_000;

/** Leases in one call of a script: a third of a millisecond, in which Redis does nothing else. */
export const leasesPerCallMax = 100;

const states: ReadonlySet<string> = new Set<LeaseState>(["issuing", "active", "revoking", "irrevocable"]);
const errorCharactersMax = 200;
const sealedBytesMax = 2048;

/**
 * Reads the record of a lease; `lua/include/lease.lua` says what its fields
 * are. Throws for a record that no script has written.
 */
export function readLeaseRecord(
  ref: LeaseRef,
  fields: ReadonlyMap<string, Buffer>,
  dueAtMs: number,
): StoredLease {
  const text = (name: string) => fields.get(name)?.toString("utf8") ?? "";
  const state = text("st");
  const expiresAtMs = Number(text("ex"));
  if (!isLeaseState(state) || !Number.isSafeInteger(expiresAtMs) || !Number.isSafeInteger(dueAtMs)) {
    throw new Error(`The stored record of the lease "${ref.id}" is damaged.`);
  }
  return {
    accessor: ref.accessor,
    id: ref.id,
    state,
    sealed: new Uint8Array(joinPieces(fields, "")),
    expiresAtMs,
    dueAtMs,
    fence: text("fe"),
    attempts: Number(text("at")),
    backoffEndsAtMs: fields.has("bo") ? Number(text("bo")) : undefined,
    lastError: joinPieces(fields, "e").toString("utf8"),
    disarmedAtMs: fields.has("da") ? Number(text("da")) : undefined,
    isRenewable: fields.has("rn"),
  };
}

/** An error as it is stored: its first 200 characters. */
export function storedError(error: string): string {
  return [...error].slice(0, errorCharactersMax).join("");
}

/** Throws for a sealed value beyond 2 KiB: the handle of a lease is a few names, not a document. */
export function assertSealed(sealed: Uint8Array): void {
  if (sealed.length > sealedBytesMax) {
    throw new Error(`A sealed lease of ${sealed.length} bytes is over the limit of ${sealedBytesMax}.`);
  }
}

/** Throws for an empty fence: that stands for a lease nobody works on. */
export function assertFence(fence: string): void {
  if (fence === "") throw new Error("A fence cannot be empty: that stands for a lease nobody works on.");
}

/** A time or a span as it is stored: whole milliseconds, cut off. Throws for what is no number. */
export function wholeMs(ms: number): number {
  const whole = Math.floor(ms);
  if (!Number.isSafeInteger(whole)) throw new Error(`A time of ${ms} ms cannot be stored.`);
  return whole;
}

/** Says whether a text is a state. */
export function isLeaseState(text: string): text is LeaseState {
  return states.has(text);
}

function joinPieces(fields: ReadonlyMap<string, Buffer>, letter: string): Buffer {
  const pieces: Buffer[] = [];
  for (;;) {
    const piece = fields.get(`${letter}${pieces.length}`);
    if (!piece) return Buffer.concat(pieces);
    pieces.push(piece);
  }
}
