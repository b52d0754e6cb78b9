import { create } from "@bufbuild/protobuf";
import type { Duration } from "@bufbuild/protobuf/wkt";
import { durationFromMs, durationMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type Lease as LeaseMessage,
  LeaseSchema,
  LeaseState as WireState,
} from "../../gen/leasehold/v1/leases_pb.ts";
import { CoreError } from "../core/errors.ts";
import type { LeaseState } from "../core/lease.ts";
import type { LeaseView } from "../core/requests.ts";

// The span of google.protobuf.Duration: 10,000 years (google/protobuf/duration.proto).
const secondsMax = 315_576_000_000n;

/** Wire value of each lease state. A state without a row does not compile. */
export const leaseStates: Readonly<Record<LeaseState, WireState>> = {
  issuing: WireState.ISSUING,
  active: WireState.ACTIVE,
  revoking: WireState.REVOKING,
  irrevocable: WireState.IRREVOCABLE,
};

const statesByWireValue = new Map(
  Object.entries(leaseStates).map(([state, wire]): [number, LeaseState] => [wire, state as LeaseState]),
);

/** The lease state of a wire value; throws `CoreError` `INVALID_FIELD` where it names none. */
export function leaseStateFromWire(state: number, field: string): LeaseState {
  const known = statesByWireValue.get(state);
  if (known !== undefined) return known;
  throw new CoreError(
    "INVALID_FIELD",
    `Field "${field}" holds ${state}, which is not the state of a lease.`,
    {
      details: { field },
    },
  );
}

/**
 * A duration in milliseconds, rounded up, so that no positive one becomes
 * zero; throws `CoreError` `INVALID_FIELD` beyond 10,000 years.
 */
export function durationToMs(duration: Duration, field: string): number {
  const { seconds, nanos } = duration;
  if (seconds > secondsMax || seconds < -secondsMax || Math.abs(nanos) >= 1_000_000_000) {
    throw new CoreError("INVALID_FIELD", `Field "${field}" is not a duration of at most 10,000 years.`, {
      details: { field },
    });
  }
  const ms = durationMs(duration);
  return ms === 0 && (seconds > 0n || nanos > 0) ? 1 : ms;
}

/** What is known of a lease; of one that is gone, its id and its path at least. */
export type KnownLease = Pick<LeaseView, "id" | "path"> & Partial<LeaseView>;

/** A lease as a message. Its handle stays here: callers have no use for it. */
export function leaseToMessage(lease: KnownLease): LeaseMessage {
  const message = create(LeaseSchema, {
    id: lease.id,
    path: lease.path,
    renewable: lease.isRenewable ?? false,
    state: lease.state === undefined ? WireState.UNSPECIFIED : leaseStates[lease.state],
    lastError: lease.lastError ?? "",
    attempts: lease.attempts ?? 0,
  });
  if (lease.ttlLeftMs !== undefined) message.ttl = durationFromMs(lease.ttlLeftMs);
  if (lease.issuedAtMs !== undefined) message.issuedAt = timestampFromMs(lease.issuedAtMs);
  if (lease.expiresAtMs !== undefined) message.expiresAt = timestampFromMs(lease.expiresAtMs);
  if (lease.maxExpiresAtMs !== undefined) message.maxExpiresAt = timestampFromMs(lease.maxExpiresAtMs);
  if (lease.disarmedAtMs !== undefined) message.disarmedAt = timestampFromMs(lease.disarmedAtMs);
  return message;
}
