import { randomBytes } from "node:crypto";
import { backendTypes } from "../../../src/backends/index.ts";
import { createBarrier } from "../../../src/core/barrier.ts";
import { systemClock } from "../../../src/core/clock.ts";
import { createCore } from "../../../src/core/core.ts";
import type { EngineSettings } from "../../../src/core/engine-settings.ts";
import type { JsonObject } from "../../../src/core/json.ts";
import type { OperationName, Operations } from "../../../src/core/requests.ts";
import type { User } from "../../../src/dev/simulator/entities.ts";
import type { Simulator } from "../../../src/dev/simulator/simulator.ts";
import { rootToken, testSettings } from "../../kit/core-harness.ts";
import { createMemoryLeaseStore } from "../../kit/memory-lease-store.ts";
import { createMemoryStorage } from "../../kit/memory-storage.ts";
import { rootKey } from "./mounted-aws.ts";

/** A core with an `aws` mount over a simulator, which goes by the real time. */
export interface SimulatedCore {
  /** Accessor of the mount. */
  readonly accessor: string;
  /** What could not be done by itself, in the order that it failed. */
  readonly failures: readonly string[];
  ask<Name extends OperationName>(
    operation: Name,
    input: Operations[Name]["input"],
  ): Promise<Operations[Name]["output"]>;
  write(path: string, data: JsonObject): Promise<Operations["write"]["output"]>;
  /** Users of leases, as the simulator has them. */
  leasedUsers(): User[];
  /** Waits for something that happens by itself, for ten seconds at most. */
  until(isSo: () => boolean | Promise<boolean>): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a core on an empty storage, mounts `aws`, and writes the root key of the simulator. */
export async function startSimulatedCore(
  simulator: Simulator,
  options: { readonly isObserveOnly?: boolean; readonly settings?: Partial<EngineSettings> } = {},
): Promise<SimulatedCore> {
  const { isObserveOnly = false, settings = {} } = options;
  const leases = createMemoryLeaseStore({ nowMs: systemClock.nowMs });
  const failures: string[] = [];
  const core = createCore({
    isObserveOnly,
    leases,
    storage: createMemoryStorage({
      mountState: (accessor) => leases.mountState(accessor),
      raiseEpoch: (accessor) => leases.raiseEpoch(accessor),
    }),
    wakeups: leases.createWakeups(),
    barrier: createBarrier({ activeTerm: 1, keys: new Map([[1, randomBytes(32)]]) }),
    backendTypes: backendTypes({
      aws: { consistencyMs: 300_000, iamEndpoint: simulator.url, stsEndpoint: simulator.url },
    }),
    rootToken,
    settings: { ...testSettings, ...settings },
    telemetry: {
      handled: () => {},
      claimed: () => {},
      issued: () => {},
      revoked: () => {},
      observing: () => {},
      revocationFailed: ({ error }) => void failures.push(error),
      backgroundFailed: (_, error) => void failures.push(String(error)),
    },
    clock: systemClock,
  });
  const ask: SimulatedCore["ask"] = (operation, input) =>
    core.handle(operation, input, {
      token: rootToken,
      signal: new AbortController().signal,
      deadlineMs: systemClock.nowMs() + 30_000,
      peer: "127.0.0.1:1",
      requestId: "request-1",
    });
  const write: SimulatedCore["write"] = (path, data) => ask("write", { path, data });
  await core.start();
  const { accessor } = await ask("mount", { type: "aws", path: "aws", description: "", tuning: {} });
  await write("aws/config/root", rootKey);
  return {
    accessor,
    failures,
    ask,
    write,
    leasedUsers: () => [...simulator.account.users.all()].filter(({ path }) => path === "/leasehold/"),
    async until(isSo) {
      const deadlineMs = systemClock.nowMs() + 10_000;
      while (!(await isSo())) {
        if (systemClock.nowMs() > deadlineMs)
          throw new Error(`It did not happen. Failures: ${failures.join("; ")}`);
        await systemClock.sleep(20);
      }
    },
    stop: () => core.stop(),
  };
}
