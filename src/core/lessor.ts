import { randomUUID } from "node:crypto";
import type { Abandoner } from "./abandoner.ts";
import { type Created, type Issue, NothingCreated } from "./backend.ts";
import type { Barrier } from "./barrier.ts";
import type { Caller } from "./caller.ts";
import { type Clock, startTimeout, type Timeout } from "./clock.ts";
import { formatDuration } from "./duration.ts";
import type { EngineSettings } from "./engine-settings.ts";
import { CoreError, quote } from "./errors.ts";
import { invalidField } from "./field.ts";
import type { JsonObject } from "./json.ts";
import { type Lease, leaseId } from "./lease.ts";
import type { LeaseStore, NewLease } from "./lease-store.ts";
import { viewLease } from "./lease-view.ts";
import { type Mount, secretTypeOf } from "./mount.ts";
import type { LeaseView } from "./requests.ts";
import { newFence, type Revoker } from "./revoker.ts";
import { sealLease } from "./sealed-lease.ts";
import type { Telemetry } from "./telemetry.ts";
import { grantTtl } from "./ttl.ts";

const skewTriesMax = 3;

/** What the lessor works with. */
export interface LessorOptions {
  readonly leases: LeaseStore;
  readonly barrier: Barrier;
  readonly revoker: Revoker;
  readonly abandoner: Abandoner;
  readonly settings: EngineSettings;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
}

/** What is asked of the lessor. */
export interface IssueRequest {
  readonly mount: Mount;
  /** Full path of the request, mount included; the lease id begins with it. */
  readonly path: string;
  readonly issue: Issue;
  readonly caller: Caller;
  /** Aborts when the caller is gone: nothing more is created then, and what was is revoked. */
  readonly signal: AbortSignal;
}

/** What was issued. */
export interface IssuedSecret {
  readonly secret: JsonObject;
  readonly lease: LeaseView;
  readonly warnings: readonly string[];
}

/** Issues secrets under leases: no secret exists, even for a moment, that no stored lease names. */
export interface Lessor {
  issue(request: IssueRequest): Promise<IssuedSecret>;
}

interface Begun {
  readonly lease: Lease;
  readonly fence: string;
}

/**
 * Makes the lessor. The order of `issue` is the product's promise: store the
 * lease durably as `issuing`, then create, then activate, then answer. A crash at
 * any point leaves a lease that comes due and is revoked like any other.
 */
export function createLessor({
  leases,
  barrier,
  revoker,
  abandoner,
  settings,
  telemetry,
  clock,
}: LessorOptions): Lessor {
  const begin = async (request: IssueRequest, ttlMs: number, maxTtlMs: number): Promise<Begun> => {
    const { mount, issue, caller, path } = request;
    const { accessor } = mount.record;
    const type = secretTypeOf(mount, issue.secretType);
    const leaseUuid = randomUUID();
    const id = leaseId(path, leaseUuid);
    const handle = type.plan(issue.input, { leaseUuid, leaseId: id, accessor, role: issue.role });
    const fence = newFence();
    let issuedAtMs = await leases.nowMs();
    for (let tries = 0; tries < skewTriesMax; tries++) {
      const lease: Lease = {
        ...{ id, path, accessor, role: issue.role, caller: caller.id, secretType: issue.secretType },
        ...{
          issuedAtMs,
          ttlMs,
          maxExpiresAtMs: issuedAtMs + maxTtlMs,
          expiresAtMs: issuedAtMs + ttlMs,
          handle,
        },
        ...{
          state: "issuing",
          disarmedAtMs: undefined,
          attempts: 0,
          lastError: "",
          isRenewable: type.renew !== undefined,
        },
      };
      const { role, isRenewable, expiresAtMs } = lease;
      const graceEndsAtMs = issuedAtMs + settings.issueGraceMs;
      const sealed = sealLease(barrier, lease, handle);
      const begun: NewLease = {
        accessor,
        id,
        sealed,
        role,
        caller: caller.id,
        issuedAtMs,
        expiresAtMs,
        graceEndsAtMs,
        isRenewable,
        fence,
      };
      const outcome = await leases.begin(begun);
      if (outcome === "begun") return { lease, fence };
      if (typeof outcome === "string") throw unmounting(mount.path);
      issuedAtMs = outcome.skewedNowMs;
    }
    throw new CoreError(
      "STORAGE_UNAVAILABLE",
      "The clock of the storage jumps; no lease can be begun. Try again.",
    );
  };

  /** Ends a lease of which it is certain that nothing was made. Where that fails, it comes due at the end of its grace. */
  const drop = async ({ lease, fence }: Begun): Promise<void> => {
    await revoker
      .drop(lease, fence)
      .catch((problem) => telemetry.backgroundFailed(`dropping ${lease.id}`, problem));
  };

  /** Starts the limit on creating calls, which counts from the moment the lease was begun: `destroy` goes by the same. */
  const startLimit = async (request: IssueRequest, begun: Begun): Promise<Timeout> => {
    try {
      const leftMs = begun.lease.issuedAtMs + settings.issueDeadlineMs - (await leases.nowMs());
      if (leftMs <= 0) throw notInTime(undefined);
      request.signal.throwIfAborted();
      return startTimeout(clock, leftMs);
    } catch (error) {
      await drop(begun);
      throw error;
    }
  };

  const create = async (request: IssueRequest, begun: Begun): Promise<Created<JsonObject>> => {
    const { mount, issue } = request;
    const { handle, issuedAtMs, expiresAtMs } = begun.lease;
    const limit = await startLimit(request, begun);
    const signal = AbortSignal.any([request.signal, limit.signal]);
    try {
      const type = secretTypeOf(mount, issue.secretType);
      return await type.create(handle, { input: issue.input, issuedAtMs, expiresAtMs, signal });
    } catch (error) {
      if (error instanceof NothingCreated) {
        await drop(begun);
        throw error.reason;
      }
      await abandoner.abandon(mount, begun.lease);
      if (request.signal.aborted) throw request.signal.reason;
      throw signal.aborted && !(error instanceof CoreError) ? notInTime(error) : error;
    } finally {
      limit.stop();
    }
  };

  return {
    async issue(request) {
      const { mount, issue } = request;
      const granted = grantTtl(issue.ttl, mount.record.tuning, settings);
      if (granted.ttlMs < 1000)
        throw invalidField("ttl", `must be at least 1s, not ${formatDuration(granted.ttlMs)}.`);
      request.signal.throwIfAborted();
      const begun = await begin(request, granted.ttlMs, granted.maxTtlMs);
      const created = await create(request, begun);
      const { id, accessor } = begun.lease;
      const expiresAtMs = Math.min(begun.lease.expiresAtMs, created.expiresAtMs ?? Number.POSITIVE_INFINITY);
      const lease: Lease = { ...begun.lease, handle: created.handle, expiresAtMs, state: "active" };
      try {
        const sealed = sealLease(barrier, lease, created.handle);
        const outcome = await leases.activate({ accessor, id }, { fence: begun.fence, sealed, expiresAtMs });
        if (outcome === "lost") throw tookTooLong(id);
        const view = viewLease(lease, await leases.nowMs());
        // Last, so that nothing can fail or wait between this and the answer.
        request.signal.throwIfAborted();
        telemetry.issued(mount.type.type);
        return { secret: created.secret, lease: view, warnings: granted.warnings };
      } catch (error) {
        await abandoner.abandon(mount, lease);
        throw error;
      }
    },
  };
}

function notInTime(cause: unknown): CoreError {
  return new CoreError(
    "BACKEND_UNAVAILABLE",
    "The backend did not make the secret in time. Nothing was kept; try again.",
    { cause },
  );
}

function tookTooLong(id: string): CoreError {
  return new CoreError(
    "BACKEND_UNAVAILABLE",
    `Making the secret took so long that its lease ${quote(id)} was given up; what was made is being revoked. Try again.`,
    { details: { lease_id: id } },
  );
}

/** The error for a request that a mount takes no more. */
export function unmounting(path: string): CoreError {
  return new CoreError(
    "MOUNT_UNMOUNTING",
    `The mount ${quote(path)} is being unmounted: it issues nothing and takes no writes.`,
    {
      details: { path },
    },
  );
}
