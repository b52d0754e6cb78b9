import { randomBytes } from "node:crypto";
import { awsBackend } from "../../../../src/backends/aws/aws-backend.ts";
import type { IamSettings } from "../../../../src/backends/aws/iam.ts";
import { connectIam } from "../../../../src/backends/aws/iam-client.ts";
import { connectSessionAws } from "../../../../src/backends/aws/sts/session-aws.ts";
import { createBarrier } from "../../../../src/core/barrier.ts";
import type { JsonObject } from "../../../../src/core/json.ts";
import { createMountStorage, type MountStorage } from "../../../../src/core/mount-storage.ts";
import { operationOf, parseFields, parseParams, routePath } from "../../../../src/core/router.ts";
import type { Simulator } from "../../../../src/dev/simulator/simulator.ts";
import { fakeMountLeases } from "../../../kit/fake-mount-leases.ts";
import { createMemoryStorage } from "../../../kit/memory-storage.ts";
import { createPatientClock } from "./rotation-world.ts";

/** When a server dies: after which of its calls to AWS and to the storage has had its effect. */
export interface Death {
  readonly at: number;
}

/** One server of a deployment. */
export interface MortalServer {
  readonly isDead: () => boolean;
  write(path: string, data?: JsonObject): Promise<unknown>;
  upkeep(): Promise<void>;
}

/** Servers over one storage and one simulator. */
export interface MortalServers {
  readonly storage: MountStorage;
  start(death?: Death): MortalServer;
  advance(ms: number): void;
  close(): void;
}

/** Puts all methods of an object through `run`. */
function through<T extends object>(target: T, run: (call: () => unknown) => Promise<unknown>): T {
  return new Proxy(target, {
    get(of, name) {
      const value: unknown = Reflect.get(of, name);
      if (name === "close" || (typeof value !== "function" && typeof value !== "object")) return value;
      if (typeof value === "object" && value !== null) return through(value, run);
      return typeof value === "function"
        ? (...args: readonly unknown[]) => run(() => Reflect.apply(value, of, args))
        : value;
    },
  });
}

/** Makes the servers of one `aws` mount, each of which can be told when to die. */
export function mortalServers(simulator: Simulator): MortalServers {
  const barrier = createBarrier({ activeTerm: 1, keys: new Map([[1, randomBytes(32)]]) });
  const accessor = "aws_4f1c2d3e";
  const memory = createMemoryStorage();
  let aheadMs = 0;
  const closers: (() => void)[] = [];

  function start(death?: Death): MortalServer {
    let calls = 0;
    let isDead = false;
    const run = async (call: () => unknown): Promise<unknown> => {
      const isLast = !isDead && calls++ === death?.at;
      if (isDead) throw new Error("The server is dead.");
      const result = await call();
      if (isLast) isDead = true;
      if (isDead) throw new Error("The server is dead.");
      return result;
    };
    const storage = createMountStorage({ accessor, barrier, storage: through(memory, run) });
    const backend = awsBackend({
      consistencyMs: 60_000,
      iamEndpoint: simulator.url,
      stsEndpoint: simulator.url,
      clock: createPatientClock(),
      connectIam: (settings: IamSettings) => through(connectIam(settings), run),
      connectSessions: (settings: IamSettings) => through(connectSessionAws(settings), run),
    }).create({
      ...{ accessor, storage, leases: fakeMountLeases(() => Date.now() + aheadMs) },
      liveLeases: async () => 0,
      liveLeasesOf: async () => 0,
    });
    closers.push(() => backend.close?.());
    const { signal } = new AbortController();
    return {
      isDead: () => isDead,
      async write(path, data = {}) {
        const match = routePath(backend.paths, path, "aws");
        const found = operationOf(match.definition, "write", `aws/${path}`);
        const fields = parseFields(match.definition, found, data);
        const caller = { id: "caller", name: "caller", policies: [], metadata: {} };
        const names = { path, fullPath: `aws/${path}`, mountPath: "aws" };
        return await found.handle({ ...names, params: parseParams(match), fields, data, caller, signal });
      },
      upkeep: async () => await backend.upkeep?.({ signal }),
    };
  }

  return {
    storage: createMountStorage({ accessor, barrier, storage: memory }),
    start,
    advance(ms) {
      aheadMs += ms;
    },
    close() {
      for (const close of closers) close();
    },
  };
}
