import { isAwsFailure } from "../../../../src/backends/aws/aws-failure.ts";
import {
  type RotationContext,
  resumeRotation,
  rotateKey,
} from "../../../../src/backends/aws/rotation/rotate-key.ts";
import {
  type KeyRecord,
  KeyRecordGone,
  type RotatingKey,
} from "../../../../src/backends/aws/rotation/rotating-key.ts";
import type { UserKeys } from "../../../../src/backends/aws/rotation/user-keys.ts";
import { CoreError } from "../../../../src/core/errors.ts";
import { awsFailure } from "../../../kit/fake-iam.ts";
import { createInstantClock, type InstantClock } from "../instant-clock.ts";

/** A call that a rotation makes, outside of its process. */
export interface WorldCall {
  readonly name: string;
  readonly number: number;
}

/** How a call fails: the process is gone before or after it, or its reply is. */
export type WorldFault = "killed before" | "killed after" | "lost reply" | "refused" | undefined;

/** A user with keys, a stored key, and servers that can be killed at every call. */
export interface RotationWorld {
  readonly clock: InstantClock;
  /** Secrets of the keys that AWS has, by id. */
  readonly keys: Map<string, string>;
  stored: RotatingKey | undefined;
  readonly calls: WorldCall[];
  fault: (call: WorldCall) => WorldFault;
  /** Whether AWS knows a new key when it is asked with it. */
  knows: boolean;
  /** Has a new server rotate. */
  rotate(): Promise<string>;
  /** Has a new server finish what another left. */
  resume(): Promise<string>;
  /** Lets the time pass after which others go on. */
  wait(ms?: number): void;
}

/** A clock like the instant one, but that limits of 5 seconds and more never run out: they would be over before what they limit. */
export function createPatientClock(): InstantClock {
  const clock = createInstantClock();
  return {
    ...clock,
    sleep: (ms, signal) =>
      ms < 5000
        ? clock.sleep(ms, signal)
        : new Promise((resolve) => {
            if (signal?.aborted) return resolve();
            signal?.addEventListener("abort", () => resolve(), { once: true });
          }),
  };
}

/** Makes a user with one key, which is the stored one. */
export function createRotationWorld(): RotationWorld {
  const clock = createPatientClock();
  const createdAtMs = new Map<string, number>();
  let made = 0;
  const world: RotationWorld = {
    clock,
    keys: new Map([["KEY0", "secret of KEY0"]]),
    stored: { user: "ci", current: { id: "KEY0", secret: "secret of KEY0" } },
    calls: [],
    fault: () => undefined,
    knows: true,
    rotate: () =>
      stateOf(rotateKey(serverContext(), async (_, seen) => (seen.current ? [seen.current.id] : []))),
    resume: () => stateOf(resumeRotation(serverContext())),
    wait: (ms = 200_000) => clock.advance(ms),
  };

  function serverContext(): RotationContext {
    let isDead = false;
    const call = async <T>(name: string, effect: () => T): Promise<T> => {
      if (isDead) throw new Error("The process is dead.");
      const fault = world.fault({ name, number: world.calls.push({ name, number: world.calls.length }) - 1 });
      if (fault === "killed before") isDead = true;
      if (isDead) throw new Error("The process is dead.");
      const isStorage = name === "read" || name === "change";
      if (fault === "refused") throw awsFailure("refused", "AccessDenied");
      const answer = effect();
      if (fault === "killed after") isDead = true;
      if (isDead) throw new Error("The process is dead.");
      if (fault === "lost reply" && isStorage) throw new CoreError("STORAGE_UNAVAILABLE", "No answer.");
      if (fault === "lost reply" && name !== "probe") throw awsFailure("unknown", "ECONNRESET");
      return answer;
    };
    const record: KeyRecord = {
      read: () => call("read", () => world.stored),
      change: (by) =>
        call("change", () => {
          if (world.stored === undefined) throw new KeyRecordGone();
          world.stored = by(world.stored);
          return world.stored;
        }),
    };
    const aws: UserKeys = {
      list: () =>
        call("list", () =>
          [...world.keys.keys()].map((id) => ({ id, createdAtMs: createdAtMs.get(id) ?? clock.nowMs() })),
        ),
      lastUsedAtMs: async () => undefined,
      create: () =>
        call("create", () => {
          if (world.keys.size >= 2) throw awsFailure("refused", "LimitExceeded");
          const id = `KEY${++made}`;
          world.keys.set(id, `secret of ${id}`);
          createdAtMs.set(id, clock.nowMs());
          return { id, secret: `secret of ${id}` };
        }),
      remove: ({ id }) =>
        call("remove", () => {
          if (!world.keys.delete(id)) throw awsFailure("absent", "NoSuchEntity");
        }),
      probe: (key) => call("probe", () => world.knows && world.keys.get(key.id) === key.secret),
    };
    return {
      record,
      open: async () => aws,
      nowMs: async () => clock.nowMs(),
      clock,
      consistencyMs: 60_000,
      signal: new AbortController().signal,
      waitMs: 20_000,
    };
  }

  return world;
}

async function stateOf(work: Promise<{ readonly state: string }>): Promise<string> {
  try {
    return (await work).state;
  } catch (error) {
    if (isAwsFailure(error)) throw error;
    return `failed: ${error instanceof Error ? error.message : String(error)}`;
  }
}
