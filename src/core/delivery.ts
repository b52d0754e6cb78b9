import type { Abandoner } from "./abandoner.ts";
import { type Created, NothingCreated } from "./backend.ts";
import type { Barrier } from "./barrier.ts";
import type { Begun } from "./begin-lease.ts";
import type { Clock } from "./clock.ts";
import { type CreationLimit, startCreationLimit } from "./creation-limit.ts";
import type { EngineSettings } from "./engine-settings.ts";
import { CoreError, quote } from "./errors.ts";
import type { JsonObject } from "./json.ts";
import type { Lease } from "./lease.ts";
import type { LeaseStore } from "./lease-store.ts";
import { viewLease } from "./lease-view.ts";
import type { Mount } from "./mount.ts";
import type { LeaseView } from "./requests.ts";
import { sealLease } from "./sealed-lease.ts";

/** An answer of the storage that takes longer, in milliseconds, may be old by the time it is heard. */
const unheardMsMax = 1000;

/** What delivering works with. */
export interface DeliveryOptions {
  readonly leases: LeaseStore;
  readonly barrier: Barrier;
  readonly abandoner: Abandoner;
  readonly settings: EngineSettings;
  readonly clock: Clock;
}

/** A secret to make for a lease that is `issuing`, and to hand to its caller. */
export interface Delivery extends Begun {
  readonly mount: Mount;
  /** Aborts when the caller is gone. */
  readonly caller: AbortSignal;
  /** When the caller's deadline passes, in milliseconds since 1970 by this process's clock; undefined where it has none. */
  readonly deadlineMs: number | undefined;
  /** Tells whether the caller's token still stands; absent where it never ends. See `Caller`. */
  readonly isStillGood: (() => Promise<boolean>) | undefined;
  /** Makes the secret. */
  make(limit: CreationLimit): Promise<Created<JsonObject>>;
  /** Ends the lease where it is certain that nothing was made. */
  nothingWasMade(): Promise<void>;
}

/** A secret for its caller. */
export interface Delivered {
  readonly secret: JsonObject;
  readonly lease: LeaseView;
  /** What the backend has to say besides. */
  readonly warnings: readonly string[];
}

/**
 * Makes the way from an issuing lease to the caller's answer: create, then activate, then answer. Whatever fails on it, the
 * caller included, ends the lease, so that nobody holds half a secret, and no secret is left that nobody holds.
 */
export function createDelivery(options: DeliveryOptions): (delivery: Delivery) => Promise<Delivered> {
  const { leases, barrier, abandoner, clock } = options;

  const start = async (delivery: Delivery): Promise<CreationLimit> => {
    try {
      return await startCreationLimit(options, delivery);
    } catch (error) {
      await delivery.nothingWasMade();
      throw error;
    }
  };

  const make = async (delivery: Delivery): Promise<Created<JsonObject>> => {
    const limit = await start(delivery);
    try {
      return await delivery.make(limit);
    } catch (error) {
      if (error instanceof NothingCreated) {
        await delivery.nothingWasMade();
        throw error.reason;
      }
      await abandoner.abandon(delivery.mount, delivery);
      throw limit.explain(error);
    } finally {
      limit.stop();
    }
  };

  return async (delivery) => {
    const { mount, fence, caller, lease: issuing } = delivery;
    const created = await make(delivery);
    const expiresAtMs = Math.min(issuing.expiresAtMs, created.expiresAtMs ?? Number.POSITIVE_INFINITY);
    const lease: Lease = { ...issuing, handle: created.handle, expiresAtMs, state: "active" };
    try {
      const sealed = sealLease(barrier, lease, created.handle);
      const sentAtMs = clock.nowMs();
      const outcome = await leases.activate(lease, { fence, sealed, expiresAtMs });
      if (outcome === "lost") throw tookTooLong(lease.id);
      // Meanwhile whoever repeats the request elsewhere may have got another secret, in place of this one.
      if (clock.nowMs() - sentAtMs > unheardMsMax && (await leases.get(lease))?.fence !== fence)
        throw tookTooLong(lease.id);
      const view = viewLease(lease, await leases.nowMs());
      // After the lease was stored: whoever ends the token either finds the lease, or ended the token before this.
      if ((await delivery.isStillGood?.()) === false) throw tokenEnded();
      // Last, so that nothing can fail or wait between this and the answer.
      caller.throwIfAborted();
      return { secret: created.secret, lease: view, warnings: created.warnings ?? [] };
    } catch (error) {
      await abandoner.abandon(mount, { lease, fence });
      throw error;
    }
  };
}

function tokenEnded(): CoreError {
  return new CoreError(
    "UNAUTHENTICATED",
    "The token ended while the secret was being made, which is being revoked: a secret does not outlive the token that asked for it. Log in again.",
  );
}

function tookTooLong(id: string): CoreError {
  return new CoreError(
    "BACKEND_UNAVAILABLE",
    `Making the secret took so long that its lease ${quote(id)} was given up; what was made is being revoked. Try again.`,
    { details: { lease_id: id } },
  );
}
