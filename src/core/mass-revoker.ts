import type { Clock } from "./clock.ts";
import type { LeaseState } from "./lease.ts";
import type { LeaseStore } from "./lease-store.ts";
import type { Mount } from "./mount.ts";
import { newFence } from "./revoker.ts";
import type { Telemetry } from "./telemetry.ts";

const batchSize = 100;
const pollMsMin = 20;
const pollMsMax = 500;

/** What the mass revoker works with. */
export interface MassRevokerOptions {
  readonly leases: LeaseStore;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  /** Has this server look at what is due on a mount now. */
  readonly wake: (accessor: string) => void;
}

/** Which leases to end. */
export interface MassSelection {
  readonly mount: Mount;
  /** Start of the ids. */
  readonly prefix: string;
  /** Leases in other states are left as they are: those that are being revoked are due already. */
  readonly states: readonly LeaseState[];
}

/** Which leases to end, and how long to wait for that. */
export interface MassRevocation extends MassSelection {
  /** When the wait is over, by the process's clock. */
  readonly untilMs: number;
  /** Ends the wait, too. */
  readonly signal: AbortSignal;
}

/** How many leases are gone, and how many are still being revoked. */
export interface MassOutcome {
  readonly revoked: number;
  readonly pending: number;
}

/** Ends all leases under a prefix. */
export interface MassRevoker {
  /**
   * Takes each lease into `revoking`, due at once, for the expirers of all servers to end: neither a caller's
   * leaving nor a crash takes a lease back from there. Answers how many there were.
   */
  takeAll(selection: MassSelection): Promise<number>;
  /** Takes all, and waits until they are gone, or the wait is over. */
  revokeAll(request: MassRevocation): Promise<MassOutcome>;
}

/** Makes the mass revoker. */
export function createMassRevoker({ leases, clock, telemetry, wake }: MassRevokerOptions): MassRevoker {
  /** Calls `visit` with one batch of leases after the other. */
  const forEachBatch = async (
    accessor: string,
    prefix: string,
    visit: (batch: readonly { readonly id: string; readonly state: LeaseState }[]) => Promise<void>,
  ): Promise<void> => {
    let after = "";
    for (;;) {
      const batch = await leases.list(accessor, { prefix, after, limit: batchSize });
      if (batch.length > 0) await visit(batch);
      const last = batch.at(-1);
      if (!last || batch.length < batchSize) return;
      after = last.id;
    }
  };

  const takeAll = async ({ mount, prefix, states }: MassSelection): Promise<number> => {
    const { accessor } = mount.record;
    const fence = newFence();
    let taken = 0;
    await forEachBatch(accessor, prefix, async (batch) => {
      const claims = batch
        .filter(({ state }) => states.includes(state))
        .map(({ id }) => ({ kind: "requested", id }) as const);
      if (claims.length === 0) return;
      await leases.claim(accessor, claims, { fence, visibilityMs: 0 });
      taken += claims.length;
      wake(accessor);
    });
    return taken;
  };

  const countPending = async ({ mount, prefix }: MassSelection): Promise<number> => {
    const { accessor } = mount.record;
    if (`${mount.path}/`.startsWith(prefix)) {
      const { byState } = await leases.count(accessor);
      return (byState.revoking ?? 0) + (byState.irrevocable ?? 0);
    }
    let pending = 0;
    await forEachBatch(accessor, prefix, async (batch) => {
      pending += batch.filter(({ state }) => state === "revoking" || state === "irrevocable").length;
    });
    return pending;
  };

  const revokeAll = async (request: MassRevocation): Promise<MassOutcome> => {
    const { mount, prefix, untilMs, signal } = request;
    const { accessor } = mount.record;
    const taking = takeAll(request);
    const isOver = () => signal.aborted || clock.nowMs() >= untilMs;
    const waitOver = new AbortController();
    const patience = clock.sleep(
      Math.max(0, untilMs - clock.nowMs()),
      AbortSignal.any([signal, waitOver.signal]),
    );
    const taken = await Promise.race([taking, patience]).finally(() => waitOver.abort());
    if (taken === undefined) {
      // So many that the caller cannot wait: they are taken all the same.
      taking.catch((error) =>
        telemetry.backgroundFailed(`revoking what is under ${prefix || mount.path}`, error),
      );
      return { revoked: 0, pending: await leases.countPrefix(accessor, prefix) };
    }
    let pending = await countPending(request);
    for (let pollMs = pollMsMin; pending > 0 && !isOver(); pollMs = Math.min(pollMs * 2, pollMsMax)) {
      await clock.sleep(Math.min(pollMs, untilMs - clock.nowMs()), signal);
      pending = await countPending(request);
    }
    return { revoked: Math.max(0, taken - pending), pending };
  };

  return { takeAll, revokeAll };
}
