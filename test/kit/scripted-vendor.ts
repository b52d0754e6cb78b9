import { Throttled } from "../../src/core/backend.ts";
import { CoreError } from "../../src/core/errors.ts";

/** Calls that the scripted vendor takes. */
export type VendorCall = "createUser" | "createKey" | "moveExpiry" | "deleteKeys" | "deleteUser";

/** What goes wrong with a call. */
export type Fault =
  /** The vendor cannot be reached: nothing happens. */
  | "unavailable"
  /** It happens, and the reply is lost. */
  | "lost reply"
  /** The vendor refuses for good: nothing happens. */
  | "refused"
  /** The vendor asks for time: nothing happens. */
  | "throttled"
  /** No reply until the signal aborts: nothing happens. */
  | "stuck"
  /** No reply until `after` settles, whatever the signal says; then it happens. */
  | { readonly after: Promise<unknown> };

/** A user at the vendor, and its keys. */
export interface VendorUser {
  readonly keys: Map<string, string>;
  expiresAtMs: number;
}

/** A vendor in memory: users who own keys. It answers consistently, and fails as it is told to. */
export interface ScriptedVendor {
  readonly users: ReadonlyMap<string, VendorUser>;
  /** Every call that came, in order. */
  readonly calls: readonly { readonly call: VendorCall; readonly user: string }[];
  /** Every secret key ever made. */
  readonly secretKeys: readonly string[];
  /** Whatever still exists: user names. */
  alive(): readonly string[];
  /** Has the next `times` calls of one kind go wrong. */
  fail(call: VendorCall, fault: Fault, times?: number): void;
  /** Has every call of one kind go wrong until `heal`. */
  failAll(call: VendorCall, fault: Fault): void;
  heal(): void;
  /** Has every call take as long as `wait` says, before it happens. */
  slow(wait: () => Promise<unknown>): void;
  /** Tells of every call before anything comes of it. */
  onCall(listener: (call: VendorCall) => void): void;
  createUser(user: string, expiresAtMs: number, signal: AbortSignal): Promise<void>;
  createKey(
    user: string,
    signal: AbortSignal,
  ): Promise<{ readonly keyId: string; readonly secretKey: string }>;
  moveExpiry(user: string, expiresAtMs: number, signal: AbortSignal): Promise<void>;
  /** Deletes all keys of a user; answers false where there is no such user. */
  deleteKeys(user: string, signal: AbortSignal): Promise<boolean>;
  /** Deletes a user without keys; answers false where there is no such user. */
  deleteUser(user: string, signal: AbortSignal): Promise<boolean>;
}

/** Makes a vendor. */
export function createScriptedVendor(): ScriptedVendor {
  const users = new Map<string, VendorUser>();
  const calls: { call: VendorCall; user: string }[] = [];
  const secretKeys: string[] = [];
  const faults = new Map<VendorCall, Fault[]>();
  const lasting = new Map<VendorCall, Fault>();
  const listeners: ((call: VendorCall) => void)[] = [];
  let latency: () => Promise<unknown> = async () => {};

  const run = async <T>(call: VendorCall, user: string, signal: AbortSignal, effect: () => T): Promise<T> => {
    calls.push({ call, user });
    for (const listener of listeners) listener(call);
    const fault = faults.get(call)?.shift() ?? lasting.get(call);
    await latency();
    if (fault === "unavailable") throw unavailable(call);
    if (fault === "refused")
      throw new CoreError("BACKEND_REFUSED", `The vendor refused ${call}.`, { details: { call } });
    if (fault === "throttled") throw new Throttled(unavailable(call), 1000);
    if (fault === "stuck") await rejectOnAbort(signal);
    if (typeof fault === "object") await fault.after;
    const result = effect();
    if (fault === "lost reply") throw unavailable(call);
    return result;
  };
  const theUser = (name: string): VendorUser => {
    const user = users.get(name);
    if (!user) throw new CoreError("BACKEND_REFUSED", `The vendor has no user "${name}".`);
    return user;
  };

  return {
    users,
    calls,
    secretKeys,
    alive: () => [...users.keys()],
    fail(call, fault, times = 1) {
      faults.set(call, [...(faults.get(call) ?? []), ...Array.from({ length: times }, () => fault)]);
    },
    failAll: (call, fault) => void lasting.set(call, fault),
    slow(wait) {
      latency = wait;
    },
    onCall: (listener) => void listeners.push(listener),
    heal() {
      lasting.clear();
      faults.clear();
    },
    createUser: (user, expiresAtMs, signal) =>
      run("createUser", user, signal, () => void users.set(user, { keys: new Map(), expiresAtMs })),
    createKey: (user, signal) =>
      run("createKey", user, signal, () => {
        const secretKey = `SECRET-${secretKeys.length}-of-${user}`;
        const keyId = `KEY${secretKeys.length}`;
        theUser(user).keys.set(keyId, secretKey);
        secretKeys.push(secretKey);
        return { keyId, secretKey };
      }),
    moveExpiry: (user, expiresAtMs, signal) =>
      run("moveExpiry", user, signal, () => {
        theUser(user).expiresAtMs = expiresAtMs;
      }),
    deleteKeys: (user, signal) =>
      run("deleteKeys", user, signal, () => {
        users.get(user)?.keys.clear();
        return users.has(user);
      }),
    deleteUser: (user, signal) =>
      run("deleteUser", user, signal, () => {
        if (users.get(user)?.keys.size)
          throw new CoreError("BACKEND_REFUSED", `The user "${user}" still has keys.`);
        return users.delete(user);
      }),
  };
}

function rejectOnAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

function unavailable(call: VendorCall): CoreError {
  return new CoreError("BACKEND_UNAVAILABLE", `The vendor did not answer ${call}.`);
}
