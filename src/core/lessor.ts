import type { Abandoner } from "./abandoner.ts";
import type { Issue } from "./backend.ts";
import type { Barrier } from "./barrier.ts";
import { type Begun, beginLease } from "./begin-lease.ts";
import type { Caller } from "./caller.ts";
import type { Clock } from "./clock.ts";
import { createDelivery } from "./delivery.ts";
import { formatDuration } from "./duration.ts";
import type { EngineSettings } from "./engine-settings.ts";
import type { CoreError } from "./errors.ts";
import { invalidField } from "./field.ts";
import { idempotencyConflict } from "./idempotency.ts";
import type { JsonObject } from "./json.ts";
import { secretIdsOf } from "./lease.ts";
import type { LeaseStore } from "./lease-store.ts";
import { type Mount, secretTypeOf } from "./mount.ts";
import { createReopener, type Reopened } from "./reopener.ts";
import type { LeaseView } from "./requests.ts";
import type { Revoker } from "./revoker.ts";
import type { Telemetry } from "./telemetry.ts";
import { type GrantedTtl, grantTtl, spreadTtl } from "./ttl.ts";

/** How often an idempotency key is taken over from a lease that is gone, before others are let go first. */
const takeoversMax = 3;

/** The shortest TTL of any lease, in milliseconds. */
const ttlMsMin = 1000;

/** What the lessor works with. */
export interface LessorOptions {
  readonly leases: LeaseStore;
  readonly barrier: Barrier;
  readonly revoker: Revoker;
  readonly abandoner: Abandoner;
  readonly settings: EngineSettings;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
  /** A number in [0, 1), by which TTLs are spread; `Math.random` by default. */
  readonly random?: () => number;
}

/** What is asked of the lessor. */
export interface IssueRequest {
  readonly mount: Mount;
  /** Full path of the request, mount included; the lease id begins with it. */
  readonly path: string;
  readonly issue: Issue;
  readonly caller: Caller;
  /** Names the request for its caller: the same again means the same lease. Undefined where it is not to be repeated. */
  readonly idempotencyKey: string | undefined;
  /** Aborts when the caller is gone: nothing more is created then, and what was is revoked. */
  readonly signal: AbortSignal;
  /** When the caller's deadline passes, in milliseconds since 1970 by this process's clock; absent where it has none. */
  readonly deadlineMs?: number | undefined;
}

/** What was issued. */
export interface IssuedSecret {
  readonly secret: JsonObject;
  readonly lease: LeaseView;
  readonly warnings: readonly string[];
}

/** Issues secrets under leases: no secret exists, even for a moment, that no stored lease names. */
export interface Lessor {
  /** Throws `INVALID_FIELD`, `MOUNT_UNMOUNTING`, `LIMIT_EXCEEDED`, `IDEMPOTENCY_CONFLICT`, and what the backend refuses with. */
  issue(request: IssueRequest): Promise<IssuedSecret>;
}

/**
 * Makes the lessor. The order of `issue` is the product's promise: store the
 * lease durably as `issuing`, then create, then activate, then answer. A crash at
 * any point leaves a lease that comes due and is revoked like any other. A repeated request goes the same way, from a lease that is there.
 */
export function createLessor(options: LessorOptions): Lessor {
  const { leases, barrier, revoker, abandoner, settings, telemetry, random = Math.random } = options;
  const deliver = createDelivery(options);
  const reopener = createReopener({ leases, barrier, abandoner, settings });

  /** Ends a lease of which it is certain that nothing was made. Where that fails, it comes due at the end of its grace. */
  const drop = async ({ lease, fence }: Begun): Promise<void> => {
    await revoker
      .drop(lease, fence)
      .catch((problem) => telemetry.backgroundFailed(`dropping ${lease.id}`, problem));
  };

  const issueNew = async (request: IssueRequest, begun: Begun): Promise<IssuedSecret> => {
    const { mount, issue, signal: caller, deadlineMs } = request;
    const { issuedAtMs, expiresAtMs, handle } = begun.lease;
    const ids = secretIdsOf(begun.lease);
    const type = secretTypeOf(mount, issue.secretType);
    const { input } = issue;
    const issued = await deliver({
      ...begun,
      mount,
      caller,
      isStillGood: request.caller.isStillGood,
      deadlineMs,
      make: ({ signal, endsAtMs }) =>
        type.create(handle, { input, ids, issuedAtMs, expiresAtMs, signal, endsAtMs }),
      nothingWasMade: () => drop(begun),
    });
    telemetry.issued(mount.type.type);
    return issued;
  };

  const issueAgain = async (request: IssueRequest, reopened: Reopened): Promise<IssuedSecret> => {
    const { mount, issue, signal: caller, deadlineMs } = request;
    const { lease, reissue } = reopened;
    const input = issue.secretType === lease.secretType ? issue.input : undefined;
    const issued = await deliver({
      ...reopened,
      mount,
      caller,
      isStillGood: request.caller.isStillGood,
      deadlineMs,
      make: ({ signal, endsAtMs }) => reissue(lease.handle, { signal, endsAtMs, input }),
      // Of the earlier request everything was.
      nothingWasMade: () => abandoner.abandon(mount, reopened),
    });
    const warning =
      "The idempotency key was used before: this is a fresh secret for the same lease, and the earlier one no longer works.";
    return { ...issued, warnings: [warning, ...issued.warnings] };
  };

  const grant = ({ issue, mount }: IssueRequest): GrantedTtl => {
    const granted = grantTtl(issue.ttl, mount.record.tuning, settings);
    const leastMs = Math.max(ttlMsMin, issue.ttl.leastMs ?? 0);
    if (granted.ttlMs < leastMs) throw tooShort(granted.ttlMs, leastMs);
    const spread = { shareMax: issue.isTtlExact ? 0 : settings.ttlSpreadShare, random: random() };
    return { ...granted, ttlMs: Math.max(leastMs, spreadTtl(granted.ttlMs, spread)) };
  };

  return {
    async issue(request) {
      const { ttlMs, maxTtlMs, warnings } = grant(request);
      request.signal.throwIfAborted();
      let replacesId: string | undefined;
      for (let takeovers = 0; takeovers <= takeoversMax; takeovers++) {
        const context = { leases, barrier, settings, ttlMs, maxTtlMs, replacesId };
        const begun = await beginLease(request, context);
        if ("lease" in begun) {
          const issued = await issueNew(request, begun);
          return { ...issued, warnings: [...warnings, ...issued.warnings] };
        }
        replacesId = begun.existingId;
        const reopened = await reopener.reopen(request.mount, replacesId);
        if (reopened) return await issueAgain(request, reopened);
      }
      throw idempotencyConflict(replacesId ?? "", "and others use it right now, too. Try again in a moment.");
    },
  };
}

function tooShort(ttlMs: number, leastMs: number): CoreError {
  const granted = formatDuration(ttlMs);
  const problem =
    leastMs > ttlMsMin
      ? `must be at least ${formatDuration(leastMs)} for a secret of this kind; what is asked for and allowed comes to ${granted}.`
      : `must be at least ${formatDuration(leastMs)}, not ${granted}.`;
  return invalidField("ttl", problem);
}
