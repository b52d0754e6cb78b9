import { randomBytes } from "node:crypto";
import type { OpenAuditSink } from "../../src/core/audit/audit-sink.ts";
import type { BackendType } from "../../src/core/backend.ts";
import { createBarrier } from "../../src/core/barrier.ts";
import { type Core, createCore } from "../../src/core/core.ts";
import type { EngineSettings } from "../../src/core/engine-settings.ts";
import type { Keyring } from "../../src/core/keyring.ts";
import type { KeyringKeeper } from "../../src/core/keyring-keeper.ts";
import type { Wakeups } from "../../src/core/lease-store.ts";
import type { ObserverMemory } from "../../src/core/observer-memory.ts";
import type { LeaseView, OperationName, Operations, RequestContext } from "../../src/core/requests.ts";
import type { Telemetry } from "../../src/core/telemetry.ts";
import { type CrashPlug, createCrashPlug } from "./crash-plug.ts";
import { createManualClock, type ManualClock } from "./manual-clock.ts";
import { createMemoryLeaseStore, type MemoryLeaseStore } from "./memory-lease-store.ts";
import { createMemoryStorage, type MemoryStorage } from "./memory-storage.ts";
import { createScriptedBackend } from "./scripted-backend.ts";
import { createScriptedVendor, type ScriptedVendor } from "./scripted-vendor.ts";

/** Token of every request that gives no other. */
export const rootToken = "root-token-of-the-test";

/** One thing that a core told its telemetry. */
export type TelemetryEntry = readonly [kind: keyof Telemetry, ...facts: readonly unknown[]];

/** One server of a test. */
export interface TestServer {
  readonly core: Core;
  /** Pulls it away from stores and vendor, as a crash does. */
  readonly plug: CrashPlug;
  /** Asks `core.handle`; the clock stands still meanwhile. */
  call<Name extends OperationName>(
    operation: Name,
    input: Operations[Name]["input"],
    context?: Partial<RequestContext>,
  ): Promise<Operations[Name]["output"]>;
  /** Asks `core.handle`, and moves the clock until the answer is there. */
  ask<Name extends OperationName>(
    operation: Name,
    input: Operations[Name]["input"],
    context?: Partial<RequestContext>,
  ): Promise<Operations[Name]["output"]>;
  /** Mounts the scripted backend. */
  mount(path?: string): Promise<void>;
  /** Reads a path that issues, and answers what came. */
  issue(
    path?: string,
    data?: Operations["read"]["input"]["data"],
  ): Promise<{ readonly secret: Readonly<Record<string, unknown>>; readonly lease: LeaseView }>;
}

/** Stores, a vendor and a clock that any number of servers share. */
export interface CoreHarness {
  readonly clock: ManualClock;
  readonly leases: MemoryLeaseStore;
  readonly storage: MemoryStorage;
  readonly vendor: ScriptedVendor;
  /** What all cores told, in order. */
  readonly telemetry: readonly TelemetryEntry[];
  readonly settings: EngineSettings;
  /** Starts a server. `hasEvents: false` leaves it to its timer. */
  start(options?: {
    readonly settings?: Partial<EngineSettings>;
    readonly hasEvents?: boolean;
    readonly isStarted?: boolean;
    readonly isObserveOnly?: boolean;
    readonly memory?: ObserverMemory;
    readonly keyring?: KeyringKeeper;
    readonly openAuditSink?: OpenAuditSink;
    readonly loginMethods?: readonly BackendType[];
    /** Backends besides the scripted one. */
    readonly backendTypes?: readonly BackendType[];
  }): Promise<TestServer>;
  /** Stops every server whose plug is in. */
  stop(): Promise<void>;
}

/** Settings of the tests: like those of production, with shorter times where nothing depends on them. */
export const testSettings: EngineSettings = {
  defaultTtlMs: 60_000,
  maxTtlMs: 300_000,
  issueGraceMs: 20_000,
  issueDeadlineMs: 10_000,
  attemptMs: 4000,
  visibilityMs: 8000,
  laneConcurrency: 8,
  revokeWaitMs: 10_000,
  isTimerOn: true,
  ttlSpreadShare: 0,
  idempotencyMs: 600_000,
};

const silence: Wakeups = { start: async () => {}, stop: async () => {} };

/** Makes stores, a vendor and a clock. */
export function createCoreHarness(changed: Partial<EngineSettings> = {}): CoreHarness {
  const settings = { ...testSettings, ...changed };
  const clock = createManualClock();
  const leases = createMemoryLeaseStore({ nowMs: () => clock.nowMs() });
  const storage = createMemoryStorage({
    mountState: (accessor) => leases.mountState(accessor),
    raiseEpoch: (accessor) => leases.raiseEpoch(accessor),
  });
  const vendor = createScriptedVendor();
  const keyring: Keyring = { activeTerm: 1, keys: new Map([[1, randomBytes(32)]]) };
  const telemetry: TelemetryEntry[] = [];
  const servers: TestServer[] = [];

  return {
    clock,
    leases,
    storage,
    vendor,
    telemetry,
    settings,
    async start(options = {}) {
      const plug = createCrashPlug();
      const core = createCore({
        leases: plug.through(leases),
        storage: plug.through(storage),
        wakeups: options.hasEvents === false ? silence : leases.createWakeups(),
        barrier: createBarrier(keyring),
        backendTypes: [createScriptedBackend(plug.through(vendor)), ...(options.backendTypes ?? [])],
        rootToken,
        settings: { ...settings, ...options.settings },
        telemetry: recordTelemetry(telemetry),
        clock,
        ...(options.memory === undefined ? {} : { memory: options.memory }),
        ...(options.keyring === undefined ? {} : { keyring: options.keyring }),
        ...(options.loginMethods === undefined ? {} : { loginMethods: options.loginMethods }),
        ...(options.openAuditSink === undefined ? {} : { openAuditSink: options.openAuditSink }),
        isObserveOnly: options.isObserveOnly ?? false,
      });
      const server = createTestServer(core, plug, clock);
      servers.push(server);
      if (options.isStarted !== false) await core.start();
      return server;
    },
    async stop() {
      for (const { core, plug } of servers) if (!plug.isPulled) await clock.advanceUntil(core.stop());
    },
  };
}

function createTestServer(core: Core, plug: CrashPlug, clock: ManualClock): TestServer {
  const call: TestServer["call"] = (operation, input, context = {}) =>
    core.handle(operation, input, {
      token: rootToken,
      signal: new AbortController().signal,
      deadlineMs: clock.nowMs() + 30_000,
      peer: "127.0.0.1:1",
      requestId: "request-1",
      ...context,
    });
  const ask: TestServer["ask"] = (operation, input, context) =>
    clock.advanceUntil(call(operation, input, context));
  return {
    core,
    plug,
    call,
    ask,
    async mount(path = "scripted") {
      await call("mount", { type: "scripted", path, description: "", tuning: {} });
    },
    async issue(path = "scripted/creds/deploy", data = {}) {
      const reply = await ask("read", { path, data });
      if (!reply.lease) throw new Error(`"${path}" issued nothing.`);
      return { secret: reply.data ?? {}, lease: reply.lease };
    },
  };
}

function recordTelemetry(entries: TelemetryEntry[]): Telemetry {
  return {
    handled: (...facts) => void entries.push(["handled", ...facts]),
    claimed: (...facts) => void entries.push(["claimed", ...facts]),
    issued: (...facts) => void entries.push(["issued", ...facts]),
    revoked: (...facts) => void entries.push(["revoked", ...facts]),
    revocationFailed: (...facts) => void entries.push(["revocationFailed", ...facts]),
    observing: (...facts) => void entries.push(["observing", ...facts]),
    backgroundFailed: (...facts) => void entries.push(["backgroundFailed", ...facts]),
  };
}
