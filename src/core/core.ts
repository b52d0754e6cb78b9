import { createAbandoner } from "./abandoner.ts";
import { builtInMounts, prepareBuiltIns, systemAccessor } from "./access/built-in-mounts.ts";
import { createAccess } from "./access/create-access.ts";
import { createRateLimits, defaultRateLimits, type RateLimitSettings } from "./access/rate-limits.ts";
import { createAttendedRevoker } from "./attended-revoker.ts";
import type { OpenAuditSink } from "./audit/audit-sink.ts";
import { createAudit } from "./audit/create-audit.ts";
import type { BackendType } from "./backend.ts";
import type { Barrier } from "./barrier.ts";
import type { Clock } from "./clock.ts";
import type { EngineSettings } from "./engine-settings.ts";
import { createExpirer } from "./expirer.ts";
import { createHandle } from "./handle.ts";
import { type Inventory, takeInventory } from "./inventory.ts";
import { guardBarrier, type KeyringKeeper } from "./keyring-keeper.ts";
import { createLeaseDesk } from "./lease-desk.ts";
import { createLeaseQuery } from "./lease-query.ts";
import type { LeaseStore, Wakeups } from "./lease-store.ts";
import { createLessor } from "./lessor.ts";
import { createMassRevoker } from "./mass-revoker.ts";
import { createMountStorage } from "./mount-storage.ts";
import { createMountTable } from "./mount-table.ts";
import { createObserver, type Observer } from "./observer.ts";
import type { ObserverMemory } from "./observer-memory.ts";
import { createOperatorMarks } from "./operator-mark.ts";
import { createPolicyBook } from "./policy/policy-book.ts";
import type { Handle } from "./requests.ts";
import { createRevoker } from "./revoker.ts";
import type { Storage } from "./storage.ts";
import type { Telemetry } from "./telemetry.ts";
import { createCallerLeaseEnder } from "./tokens/caller-leases.ts";
import { createTokenBackend } from "./tokens/token-backend.ts";
import { createUnmounter } from "./unmounter.ts";
import { createUpkeep } from "./upkeep.ts";
import { createWatcher } from "./watcher.ts";

/** How often the mounts are read anew, for what other servers changed, and for what the storage has lost. */
const followMs = 1000;

/** How many rounds of following there are to one of upkeep. */
const followsPerUpkeep = 10;

/** Everything outside that the core works with. */
export interface CoreOptions {
  readonly leases: LeaseStore;
  readonly storage: Storage;
  readonly wakeups: Wakeups;
  readonly barrier: Barrier;
  readonly backendTypes: readonly BackendType[];
  /** The root token of the configuration; undefined where there is none. */
  readonly rootToken: string | undefined;
  /** How often callers may call; the defaults unless told. */
  readonly rateLimits?: RateLimitSettings;
  /** Opens audit sinks; without it there are none. */
  readonly openAuditSink?: OpenAuditSink;
  /** Backends by which callers log in, each mounted at `auth/<type>`; none unless told. */
  readonly loginMethods?: readonly BackendType[];
  readonly settings: EngineSettings;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
  /** Whether to revoke nothing that is due from the start, until a person says go; false unless told. */
  readonly isObserveOnly?: boolean;
  /** Where what was seen of the storage is kept outside of it; nothing is unless told. */
  readonly memory?: ObserverMemory;
  /** Looked after every second; without it nobody looks whether the storage still has the keyring. */
  readonly keyring?: KeyringKeeper;
}

/** The product, without its transports. */
export interface Core {
  readonly handle: Handle;
  /**
   * Reads the mounts and starts to end what is due, or to observe it. Rejects with `STORAGE_UNAVAILABLE` where the
   * storage is away, and where what is kept outside of it cannot be read.
   */
  start(): Promise<void>;
  /** The connection to the storage is gone: nothing is claimed until it is known that the same storage came back. */
  storageLost(): void;
  /** The connection to the storage is there again. */
  storageBack(): void;
  /** How things stand, for metrics. Rejects with `STORAGE_UNAVAILABLE`. */
  takeInventory(): Promise<Inventory>;
  isObserving(): boolean;
  /** Has the audit sinks open anew what they write to, after somebody has moved it away. */
  reopenAudit(): Promise<void>;
  /** How many watches there are. */
  watches(): number;
  /** Takes no further lease from the due set; resolves when the attempts under way have ended. */
  stop(): Promise<void>;
}

/** Assembles the core. */
export function createCore(given: CoreOptions): Core {
  const { keyring } = given;
  const options = keyring ? { ...given, barrier: guardBarrier(given.barrier, keyring) } : given;
  const { leases, storage, barrier, settings, telemetry, clock } = options;
  const tokens = createTokenBackend({
    endLeasesOf: (callerId) => endLeasesOf(callerId),
    onDisarmed: (digest) => access.disbelieve(digest),
  });
  const builtIns = builtInMounts({ tokens, loginMethods: options.loginMethods ?? [] });
  const mounts = createMountTable({ ...options, builtIns, isObserving: () => observer.isObserving() });
  const revoker = createRevoker(options);
  const abandoner = createAbandoner({ revoker, clock, telemetry });
  const marks = createOperatorMarks(options);
  const observer = createObserver({
    ...options,
    mounts,
    marks,
    memory: options.memory,
    isAsked: options.isObserveOnly ?? false,
    onFree: () => expirer.wakeAll(),
  });
  const mayClaim: Observer["mayClaim"] = (accessor) =>
    (keyring?.isOurs() ?? true) && observer.mayClaim(accessor);
  const expirer = createExpirer({ ...options, mounts, revoker, observer: { mayClaim } });
  const massRevoker = createAttendedRevoker({
    massRevoker: createMassRevoker({ leases, clock, telemetry, wake: expirer.wake }),
    ...{ observer, leases, revoker, settings, clock },
  });
  const unmounter = createUnmounter({ mounts, leases, storage, barrier, massRevoker, marks, telemetry });
  const upkeep = createUpkeep({ mounts, clock, telemetry });
  const watcher = createWatcher({ leases, barrier, mounts, clock });
  const endLeasesOf = createCallerLeaseEnder({ leases, mounts, wake: expirer.wake });
  const lessor = createLessor({ ...options, revoker, abandoner });
  const leaseDesk = createLeaseDesk({ leases, barrier, mounts, revoker, settings, clock });
  const systemStorage = createMountStorage({ accessor: systemAccessor, storage, barrier });
  const policies = createPolicyBook({ storage: systemStorage, nowMs: () => clock.nowMs() });
  const audit = createAudit({ storage: systemStorage, openSink: options.openAuditSink, telemetry, clock });
  const prepare = () => prepareBuiltIns(leases, builtIns);
  const access = createAccess({
    ...{ rootToken: options.rootToken, rulesOf: policies.aclOf, tokens, endLeasesOf, prepare },
    ...{ mounts, leases, barrier, lessor, leaseDesk, wake: expirer.wake, telemetry, clock },
  });
  /** Nobody is answered while the keyring is another one; whoever has no token is told that first. */
  const ofOurs = <Known>(known: Known): Known => {
    keyring?.assertOurs();
    return known;
  };
  const handle = createHandle({
    authenticate(token) {
      const known = access.authenticate(token);
      if (keyring === undefined) return known;
      if (known instanceof Promise) return known.then(ofOurs);
      return ofOurs(known);
    },
    ...{ access, mounts, lessor, leaseDesk, massRevoker, unmounter, watcher, observer, policies, telemetry },
    ...{ audits: audit.book, auditor: audit.auditor },
    takeBack(leaseId) {
      const patience = {
        signal: new AbortController().signal,
        deadlineMs: clock.nowMs() + settings.attemptMs,
      };
      leaseDesk
        .revoke(leaseId, patience)
        .catch((error: unknown) => telemetry.backgroundFailed(`taking back ${leaseId}`, error));
    },
    ...{ keyring, leaseQuery: createLeaseQuery({ leases, barrier, mounts }) },
    limits: createRateLimits(options.rateLimits ?? defaultRateLimits, () => clock.nowMs()),
    nowMs: () => clock.nowMs(),
    onMountsChanged: () => expirer.follow(),
  });

  const stopping = new AbortController();
  /** `isLook`: it only finds out what the storage holds now. */
  const loops: { readonly isLook: boolean; readonly ended: Promise<void>; readonly hurry: () => void }[] = [];

  /** Does something every second until the core stops, and at once after `hurry`, which may come meanwhile. */
  const everySecond = (what: string, work: () => Promise<void>) => {
    let waiting = new AbortController();
    const loop = async (): Promise<void> => {
      for (;;) {
        await clock.sleep(followMs, waiting.signal);
        if (stopping.signal.aborted) return;
        waiting = new AbortController();
        await work().catch((error: unknown) => telemetry.backgroundFailed(what, error));
      }
    };
    const hurry = () => waiting.abort();
    return { ended: loop(), hurry };
  };
  let follows = 0;
  const follow = async (): Promise<void> => {
    await observer.check();
    expirer.follow();
    follows += 1;
    if (follows % followsPerUpkeep === 0 && !observer.isObserving()) upkeep.round();
    // An emptied storage knows nothing of the mounts that nobody mounts.
    if ((await leases.epoch(systemAccessor)) === 0) await prepare();
  };
  const goOnUnmounting = async (): Promise<void> => {
    if (!observer.isObserving() && (keyring?.isOurs() ?? true)) await unmounter.goOn(stopping.signal);
  };

  return {
    handle,
    async start() {
      await prepare();
      await observer.start();
      await audit.book.follow();
      await expirer.start();
      loops.push({ isLook: true, ...everySecond("reading the mounts", follow) });
      if (keyring) loops.push({ isLook: true, ...everySecond("looking after the keyring", keyring.check) });
      loops.push({ isLook: false, ...everySecond("going on with unmounting", goOnUnmounting) });
      // By itself: opening a sink may take its time.
      loops.push({ isLook: false, ...everySecond("following the audit sinks", audit.book.follow) });
    },
    storageLost: observer.doubt,
    storageBack() {
      for (const { isLook, hurry } of loops) if (isLook) hurry();
    },
    takeInventory: () => takeInventory(leases, mounts.all()),
    isObserving: observer.isObserving,
    reopenAudit: audit.reopen,
    watches: watcher.count,
    async stop() {
      stopping.abort();
      for (const { hurry } of loops) hurry();
      await Promise.all(loops.map(({ ended }) => ended));
      await upkeep.stop();
      await expirer.stop();
      abandoner.stop();
      await revoker.idle();
      await observer.stop();
      await audit.book.close();
      for (const mount of mounts.all()) mount.backend.close?.();
    },
  };
}
