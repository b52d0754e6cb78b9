import { CoreError, quote } from "../../src/core/errors.ts";
import type { Storage } from "../../src/core/storage.ts";
import { createCallBreaker } from "./call-breaker.ts";
import { compareBytes } from "./compare-bytes.ts";

/**
 * A storage in memory that keeps to the same contract as the one on Redis:
 * both pass `storageConformance`.
 */
export interface MemoryStorage extends Storage {
  /** Every stored value by its place: `data:<accessor>:<path>`, `mount:<path>`, `keyring`, or `operator`. */
  values(): ReadonlyMap<string, Uint8Array>;
  /** Writes over a value by its place, as somebody does who can write the storage; but not over the keyring. */
  overwrite(place: string, value: Uint8Array): void;
  /** Puts a keyring in the place of the one that is stored, or takes it away. */
  exchangeKeyring(keyring: Uint8Array | undefined): void;
  /** Makes every call reject with `STORAGE_UNAVAILABLE` until it is told otherwise. */
  setAvailable(isAvailable: boolean): void;
  /** Makes the next `times` calls of one method reject with `STORAGE_UNAVAILABLE`, before it changed anything or after it did. */
  breakNext(call: keyof Storage, when: "before" | "after", times?: number): void;
}

/**
 * Makes a storage in memory. `mountState` is the lease store's, which decides
 * whether a mount still takes writes; without it, every mount does. `raiseEpoch`
 * is the lease store's, too, and told of every write.
 */
export function createMemoryStorage(
  options: {
    readonly mountState?: (accessor: string) => "mounted" | "unmounting" | undefined;
    readonly raiseEpoch?: (accessor: string) => void;
  } = {},
): MemoryStorage {
  const mountState = options.mountState ?? (() => "mounted");
  const raiseEpoch = options.raiseEpoch ?? (() => {});
  const data = new Map<string, Map<string, Uint8Array>>();
  const mounts = new Map<string, Uint8Array>();
  const breaker = createCallBreaker<keyof Storage>("storage");
  let keyring: Uint8Array | undefined;
  let operatorMark: Uint8Array | undefined;
  const seals = new Map<number, number>();
  let isAvailable = true;

  const entriesOf = (accessor: string): Map<string, Uint8Array> => {
    const entries = data.get(accessor) ?? new Map<string, Uint8Array>();
    data.set(accessor, entries);
    return entries;
  };
  const assertWritable = (accessor: string, path: string, whileUnmounting = false) => {
    const state = mountState(accessor);
    if (state === "mounted" || (whileUnmounting && state === "unmounting")) return;
    throw new CoreError(
      "MOUNT_UNMOUNTING",
      `Cannot change ${quote(path)}: its mount is being unmounted. Mount again to write.`,
      { details: { path } },
    );
  };
  const run = async <T>(call: keyof Storage, work: () => T): Promise<T> => {
    if (!isAvailable) throw new CoreError("STORAGE_UNAVAILABLE", "The test's storage is not available.");
    return breaker.run(call, work);
  };

  return {
    values() {
      const all = new Map<string, Uint8Array>();
      for (const [accessor, entries] of data) {
        for (const [path, value] of entries) all.set(`data:${accessor}:${path}`, value);
      }
      for (const [path, record] of mounts) all.set(`mount:${path}`, record);
      if (keyring) all.set("keyring", keyring);
      if (operatorMark) all.set("operator", operatorMark);
      return all;
    },
    overwrite(place, value) {
      const [, accessor = "", path = ""] = /^data:([^:]+):(.*)$/.exec(place) ?? [];
      if (place === "operator") operatorMark = value;
      else if (place.startsWith("mount:")) mounts.set(place.slice("mount:".length), value);
      else entriesOf(accessor).set(path, value);
    },
    exchangeKeyring(value) {
      keyring = value;
    },
    setAvailable(value) {
      isAvailable = value;
    },
    breakNext: breaker.breakNext,

    get: (accessor, path) => run("get", () => copyOf(data.get(accessor)?.get(path))),
    put: (accessor, path, value, putOptions = {}) =>
      run("put", () => {
        assertWritable(accessor, path, putOptions.whileUnmounting);
        const entries = entriesOf(accessor);
        if (putOptions.expected !== undefined && !isSame(entries.get(path), putOptions.expected))
          return false;
        entries.set(path, new Uint8Array(value));
        raiseEpoch(accessor);
        return true;
      }),
    delete: (accessor, path) =>
      run("delete", () => {
        assertWritable(accessor, path);
        const wasThere = entriesOf(accessor).delete(path);
        if (wasThere) raiseEpoch(accessor);
        return wasThere;
      }),
    list: (accessor, folder, { after, limit }) =>
      run("list", () => {
        if (folder !== "" && !folder.endsWith("/"))
          throw new Error(`The folder ${quote(folder)} must end in a slash.`);
        const names = new Set<string>();
        for (const path of data.get(accessor)?.keys() ?? []) {
          if (path.startsWith(folder) && path !== folder) names.add(firstName(path.slice(folder.length)));
        }
        return [...names]
          .sort(compareBytes)
          .filter((name) => compareBytes(name, after) > 0)
          .slice(0, limit);
      }),
    clear: (accessor) =>
      run("clear", () => {
        data.delete(accessor);
      }),
    readMounts: () => run("readMounts", () => new Map(mounts)),
    writeMount: (path, record, expected) =>
      run("writeMount", () => {
        if (!isSame(mounts.get(path), expected)) return false;
        if (record) mounts.set(path, new Uint8Array(record));
        else mounts.delete(path);
        return true;
      }),
    readKeyring: () => run("readKeyring", () => copyOf(keyring)),
    createKeyring: (value) =>
      run("createKeyring", () => {
        if (keyring) return false;
        keyring = new Uint8Array(value);
        return true;
      }),
    replaceKeyring: (value, expected) =>
      run("replaceKeyring", () => {
        if (keyring && isSame(keyring, value)) return true;
        if (!isSame(keyring, expected)) return false;
        keyring = new Uint8Array(value);
        return true;
      }),
    countSeals: (term, more) =>
      run("countSeals", () => {
        const sum = (seals.get(term) ?? 0) + more;
        seals.set(term, sum);
        return sum;
      }),
    readOperatorMark: () => run("readOperatorMark", () => copyOf(operatorMark)),
    writeOperatorMark: (mark, expected) =>
      run("writeOperatorMark", () => {
        if (!isSame(operatorMark, expected)) return false;
        operatorMark = new Uint8Array(mark);
        return true;
      }),
  };
}

/** The part of a path up to its first slash, the slash included. */
function firstName(path: string): string {
  const slash = path.indexOf("/");
  return slash < 0 ? path : path.slice(0, slash + 1);
}

function isSame(stored: Uint8Array | undefined, expected: Uint8Array | null): boolean {
  if (!stored || !expected) return !stored && !expected;
  return Buffer.compare(stored, expected) === 0;
}

/** A copy that nobody else can change; the `slice` of a Buffer would share its memory. */
function copyOf(value: Uint8Array | undefined): Uint8Array | undefined {
  return value && new Uint8Array(value);
}
