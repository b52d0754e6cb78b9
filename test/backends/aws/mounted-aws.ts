import { randomBytes } from "node:crypto";
import { awsBackend } from "../../../src/backends/aws/aws-backend.ts";
import type { AwsOptions } from "../../../src/backends/aws/aws-options.ts";
import type { IamSettings } from "../../../src/backends/aws/iam.ts";
import type { BackendType, Issue, SecretType } from "../../../src/core/backend.ts";
import { createBarrier } from "../../../src/core/barrier.ts";
import type { Caller } from "../../../src/core/caller.ts";
import type { JsonObject } from "../../../src/core/json.ts";
import { createMountStorage, type MountStorage } from "../../../src/core/mount-storage.ts";
import type { Operation, PathDefinition, PathReply } from "../../../src/core/path.ts";
import { operationOf, parseFields, parseParams, routePath } from "../../../src/core/router.ts";
import { createFakeIam, type FakeIam } from "../../kit/fake-iam.ts";
import { type FakeMountLeases, fakeMountLeases } from "../../kit/fake-mount-leases.ts";
import { createMemoryStorage } from "../../kit/memory-storage.ts";
import { createInstantClock, type InstantClock } from "./instant-clock.ts";

/** The root key of the tutorial. */
export const rootKey = {
  access_key: "AKIAI4SGLQPBX6CSENIQ",
  secret_key: "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",
};

/** The policy of the tutorial. */
export const tutorialPolicy: JsonObject = {
  Version: "2012-10-17",
  Statement: [{ Sid: "Stmt1426528957000", Effect: "Allow", Action: ["ec2:*"], Resource: ["*"] }],
};

/** A backend mounted over a storage in memory, asked as the router asks it. */
export interface MountedBackend {
  readonly storage: MountStorage;
  readonly secretTypes: readonly SecretType[];
  readonly paths: readonly PathDefinition[];
  ask(operation: Operation, path: string, data?: JsonObject, signal?: AbortSignal): Promise<PathReply>;
  /** Number of leases that the backend is told are live. */
  live: number;
  /** Who asks. */
  caller: Caller;
  /** The leases that the backend is told of. */
  readonly leases: FakeMountLeases;
  /** Has the backend do what comes due without a request. */
  upkeep(): Promise<void>;
  close(): void;
}

/** Mounts a backend of any type at a path, whose leases go by a clock. */
export function mountBackend(
  type: BackendType,
  mountPath: string,
  nowMs: () => number = Date.now,
): MountedBackend {
  const barrier = createBarrier({ activeTerm: 1, keys: new Map([[1, randomBytes(32)]]) });
  const accessor = `${mountPath}_4f1c2d3e`;
  const storage = createMountStorage({ accessor, storage: createMemoryStorage(), barrier });
  const leases = fakeMountLeases(nowMs);
  const backend = type.create({
    ...{ accessor, storage, leases },
    liveLeases: async () => mounted.live,
    liveLeasesOf: async () => mounted.live,
  });
  const mounted: MountedBackend = {
    storage,
    secretTypes: backend.secretTypes,
    paths: backend.paths,
    live: 0,
    caller: { id: "caller", name: "caller", policies: [], metadata: {} },
    leases,
    upkeep: async () => backend.upkeep?.({ signal: new AbortController().signal }),
    async ask(operation, path, data = {}, signal = new AbortController().signal) {
      const match = routePath(backend.paths, path, mountPath);
      const fullPath = `${mountPath}/${path}`;
      const found = operationOf(match.definition, operation, fullPath);
      return await found.handle({
        path,
        fullPath,
        mountPath,
        params: parseParams(match),
        fields: parseFields(match.definition, found, data),
        data,
        caller: mounted.caller,
        signal,
      });
    },
    close: () => backend.close?.(),
  };
  return mounted;
}

/** An `aws` mount over a fake IAM. */
export interface MountedAws extends MountedBackend {
  readonly iam: FakeIam;
  readonly clock: InstantClock;
  /** What clients were made from, one after the other. */
  readonly connections: IamSettings[];
  /** The secret type of IAM users. */
  readonly userType: SecretType;
  /** Reads creds/<role>, and answers what the lessor would be given. */
  issueOf(role: string, data?: JsonObject): Promise<Issue>;
}

/** Mounts the `aws` backend over a fake IAM; the time between calls passes at once. */
export function mountAws(options: Partial<AwsOptions> = {}): MountedAws {
  const clock = createInstantClock();
  const iam = createFakeIam(clock);
  const connections: IamSettings[] = [];
  const type = awsBackend({
    consistencyMs: 300_000,
    clock,
    connectIam: (settings) => {
      connections.push(settings);
      return iam;
    },
    ...options,
  });
  const mounted = mountBackend(type, "aws", () => clock.nowMs());
  const userType = mounted.secretTypes.find(({ name }) => name === "iam_user");
  if (userType === undefined) throw new Error("The backend has no secret type.");
  return Object.assign(mounted, {
    iam,
    clock,
    connections,
    userType,
    async issueOf(role: string, data?: JsonObject) {
      const { issue } = await mounted.ask("read", `creds/${role}`, data);
      if (issue === undefined) throw new Error("Nothing was issued.");
      return issue;
    },
  });
}
