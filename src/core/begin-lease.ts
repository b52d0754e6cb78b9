import { randomUUID } from "node:crypto";
import type { Barrier } from "./barrier.ts";
import type { EngineSettings } from "./engine-settings.ts";
import { CoreError, quote } from "./errors.ts";
import { idempotencyDigest } from "./idempotency.ts";
import { type Lease, leaseId, secretIdsOf } from "./lease.ts";
import type { LeaseLimit, LeaseStore, NewLease } from "./lease-store.ts";
import type { IssueRequest } from "./lessor.ts";
import { secretTypeOf } from "./mount.ts";
import { newFence } from "./revoker.ts";
import { sealLease } from "./sealed-lease.ts";

const skewTriesMax = 3;

/** An issuing lease, and the token by which its issuer can change it. */
export interface Begun {
  readonly lease: Lease;
  readonly fence: string;
}

/** How to begin a lease. */
export interface BeginContext {
  readonly leases: LeaseStore;
  readonly barrier: Barrier;
  readonly settings: EngineSettings;
  readonly ttlMs: number;
  readonly maxTtlMs: number;
  /** A lease that is gone, and whose idempotency key the new one takes over. */
  readonly replacesId: string | undefined;
}

/**
 * Stores a lease as `issuing`, naming what will exist. Answers the id of the lease that the same idempotency key has been used
 * for, where there is one. Throws `MOUNT_UNMOUNTING`, `LIMIT_EXCEEDED`.
 */
export async function beginLease(
  request: IssueRequest,
  context: BeginContext,
): Promise<Begun | { readonly existingId: string }> {
  const { leases, barrier, settings, ttlMs, maxTtlMs } = context;
  const { mount, issue, caller, path } = request;
  const { accessor } = mount.record;
  const type = secretTypeOf(mount, issue.secretType);
  const leaseUuid = randomUUID();
  const id = leaseId(path, leaseUuid);
  const planned = type.plan(issue.input, secretIdsOf({ id, accessor, role: issue.role }));
  const fence = newFence();
  let issuedAtMs = await leases.nowMs();
  for (let tries = 0; tries < skewTriesMax; tries++) {
    const lease: Lease = {
      id,
      path,
      accessor,
      role: issue.role,
      caller: caller.id,
      secretType: issue.secretType,
      issuedAtMs,
      ttlMs,
      maxExpiresAtMs: issuedAtMs + maxTtlMs,
      expiresAtMs: issuedAtMs + ttlMs,
      handle: planned,
      state: "issuing",
      disarmedAtMs: undefined,
      attempts: 0,
      lastError: "",
      isRenewable: type.renew !== undefined,
    };
    const begun: NewLease = {
      accessor,
      id,
      sealed: sealLease(barrier, lease, planned),
      role: lease.role,
      caller: lease.caller,
      issuedAtMs,
      expiresAtMs: lease.expiresAtMs,
      graceEndsAtMs: issuedAtMs + settings.issueGraceMs,
      isRenewable: lease.isRenewable,
      fence,
      limits: limitsOf(request),
      ...idempotencyOf(request, context),
    };
    const outcome = await leases.begin(begun);
    if (outcome === "begun") return { lease, fence };
    if (typeof outcome === "string") throw unmounting(mount.path);
    if ("existingId" in outcome) return outcome;
    if ("limited" in outcome) throw limitReached(outcome.limited, request);
    issuedAtMs = outcome.skewedNowMs;
  }
  throw new CoreError(
    "STORAGE_UNAVAILABLE",
    "The clock of the storage jumps; no lease can be begun. Try again.",
  );
}

function limitsOf({ mount, issue }: IssueRequest): readonly LeaseLimit[] {
  const { maxLeases: mountMax } = mount.record.tuning;
  return [
    ...(mountMax === undefined ? [] : [{ of: "mount", max: mountMax } as const]),
    ...(issue.maxLeases === undefined ? [] : [{ of: "role", max: issue.maxLeases } as const]),
  ];
}

function idempotencyOf(
  { idempotencyKey: key, caller, path }: IssueRequest,
  { settings, replacesId }: BeginContext,
): Pick<NewLease, "idempotency"> {
  if (key === undefined) return {};
  return {
    idempotency: {
      key: idempotencyDigest({ callerId: caller.id, path, key }),
      memoryMs: settings.idempotencyMs,
      ...(replacesId === undefined ? {} : { replacesId }),
    },
  };
}

function limitReached(
  { of, max, live }: LeaseLimit & { readonly live: number },
  { mount, issue }: IssueRequest,
): CoreError {
  const name = of === "mount" ? mount.path : issue.role;
  const setting = of === "mount" ? "the mount's tuning" : "the role";
  return new CoreError(
    "LIMIT_EXCEEDED",
    `Cannot issue: ${of} ${quote(name)} has ${live} live leases, and ${max} are allowed. ` +
      `Revoke some of them, or raise "max_leases" of ${setting}.`,
    { details: { limit_of: of, [of]: name, live: String(live), max: String(max) } },
  );
}

/** The error for a request that a mount takes no more. */
export function unmounting(path: string): CoreError {
  return new CoreError(
    "MOUNT_UNMOUNTING",
    `The mount ${quote(path)} is being unmounted: it issues nothing and takes no writes.`,
    { details: { path } },
  );
}
