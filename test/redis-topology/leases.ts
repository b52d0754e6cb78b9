import { randomBytes } from "node:crypto";
import { CoreError } from "../../src/core/errors.ts";
import type { NewLease } from "../../src/core/lease-store.ts";

/** A new lease of a mount, which starts at `nowMs`; an hour long unless told. */
export function leaseOf(accessor: string, nowMs: number, changes: Partial<NewLease> = {}): NewLease {
  return {
    accessor,
    id: `aws/creds/deploy/${crypto.randomUUID()}`,
    sealed: randomBytes(220),
    role: "deploy",
    caller: "token-1",
    issuedAtMs: nowMs,
    expiresAtMs: nowMs + 3_600_000,
    graceEndsAtMs: nowMs + 300_000,
    isRenewable: true,
    fence: `issuer-${crypto.randomUUID()}`,
    ...changes,
  };
}

/** Says whether an error is the one that a caller may see while servers change their roles. */
export function isUnavailable(error: unknown): boolean {
  return error instanceof CoreError && error.code === "STORAGE_UNAVAILABLE";
}
