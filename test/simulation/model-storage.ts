import { CoreError, quote } from "../../src/core/errors.ts";
import type { Storage } from "../../src/core/storage.ts";
import { compareBytes } from "../kit/compare-bytes.ts";
import { raiseEpoch } from "./lease-transitions.ts";
import type { RedisAccess } from "./model-redis.ts";
import type { RedisConnection } from "./redis-connection.ts";
import { dataKey, keyringKey, mountKey, mountsKey, operatorKey, sealsKey } from "./redis-keys.ts";

/** The storage of one process: the port, over a connection to the model of Redis. */
export function createModelStorage(connection: RedisConnection): Storage {
  return {
    get: (accessor, path) =>
      connection.call({ name: "data get" }, (access) => bytesAt(access, dataKey(accessor, path))),
    put: (accessor, path, value, options = {}) =>
      connection.call({ name: "data put", isChange: true, needsMemory: true }, (access) => {
        assertWritable(access, accessor, path, options);
        const key = dataKey(accessor, path);
        if (options.expected !== undefined && !isSame(bytesAt(access, key), options.expected)) return false;
        access.write({ kind: "set", key, value: new Uint8Array(value) });
        access.write({ kind: "zadd", key: mountKey(accessor, "paths"), member: path, score: 0 });
        raiseEpoch(access, accessor);
        return true;
      }),
    delete: (accessor, path) =>
      connection.call({ name: "data delete", isChange: true }, (access) => {
        assertWritable(access, accessor, path);
        const key = dataKey(accessor, path);
        if (!access.keys.values.has(key)) return false;
        access.write({ kind: "del", key });
        access.write({ kind: "zrem", key: mountKey(accessor, "paths"), member: path });
        raiseEpoch(access, accessor);
        return true;
      }),
    list: (accessor, folder, { after, limit }) =>
      connection.call({ name: "data list" }, ({ keys }) => {
        if (folder !== "" && !folder.endsWith("/"))
          throw new Error(`The folder ${quote(folder)} must end in a slash.`);
        const below = [...keys.zset(mountKey(accessor, "paths")).keys()].filter(
          (path) => path.startsWith(folder) && path !== folder,
        );
        return [...new Set(below.map((path) => firstName(path.slice(folder.length))))]
          .sort(compareBytes)
          .filter((name) => compareBytes(name, after) > 0)
          .slice(0, limit);
      }),
    clear: (accessor) =>
      connection.call({ name: "data clear", isChange: true }, (access) => {
        const pathsKey = mountKey(accessor, "paths");
        for (const path of access.keys.zset(pathsKey).keys())
          access.write({ kind: "del", key: dataKey(accessor, path) });
        access.write({ kind: "del", key: pathsKey });
      }),
    readMounts: () =>
      connection.call({ name: "mounts read" }, ({ keys }) => {
        const records = [...keys.hash(mountsKey)] as readonly (readonly [string, Uint8Array])[];
        return new Map(records.map(([path, record]) => [path, new Uint8Array(record)]));
      }),
    writeMount: (path, record, expected) =>
      connection.call({ name: "mounts write", isChange: true }, (access) => {
        const current = access.keys.hash(mountsKey).get(path) as Uint8Array | undefined;
        if (!isSame(current, expected)) return false;
        if (record)
          access.write({ kind: "hset", key: mountsKey, field: path, value: new Uint8Array(record) });
        else access.write({ kind: "hdel", key: mountsKey, field: path });
        return true;
      }),
    readKeyring: () => connection.call({ name: "keyring read" }, (access) => bytesAt(access, keyringKey)),
    createKeyring: (keyring) =>
      connection.call({ name: "keyring create", isChange: true }, (access) => {
        if (access.keys.values.has(keyringKey)) return false;
        access.write({ kind: "set", key: keyringKey, value: new Uint8Array(keyring) });
        return true;
      }),
    replaceKeyring: (keyring, expected) =>
      connection.call({ name: "keyring replace", isChange: true }, (access) => {
        const stored = bytesAt(access, keyringKey);
        if (isSame(stored, keyring)) return true;
        if (!isSame(stored, expected)) return false;
        access.write({ kind: "set", key: keyringKey, value: new Uint8Array(keyring) });
        return true;
      }),
    countSeals: (term, more) =>
      connection.call({ name: "seals count", isChange: true }, (access) => {
        const sum = Number(access.keys.hash(sealsKey).get(String(term)) ?? 0) + more;
        access.write({ kind: "hset", key: sealsKey, field: String(term), value: sum });
        return sum;
      }),
    readOperatorMark: () => connection.call({ name: "mark read" }, (access) => bytesAt(access, operatorKey)),
    writeOperatorMark: (mark, expected) =>
      connection.call({ name: "mark write", isChange: true }, (access) => {
        if (!isSame(bytesAt(access, operatorKey), expected)) return false;
        access.write({ kind: "set", key: operatorKey, value: new Uint8Array(mark) });
        return true;
      }),
  };
}

function bytesAt({ keys }: RedisAccess, key: string): Uint8Array | undefined {
  const value = keys.values.get(key)?.value;
  return value instanceof Uint8Array ? new Uint8Array(value) : undefined;
}

function assertWritable(
  { keys }: RedisAccess,
  accessor: string,
  path: string,
  { whileUnmounting = false }: { readonly whileUnmounting?: boolean } = {},
): void {
  const state = keys.values.get(mountKey(accessor, "state"))?.value;
  if (state === "mounted" || (whileUnmounting && state === "unmounting")) return;
  const message = `Cannot change ${quote(path)}: its mount is being unmounted. Mount again to write.`;
  throw new CoreError("MOUNT_UNMOUNTING", message, { details: { path } });
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
