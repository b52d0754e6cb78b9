import { CoreError, quote } from "../core/errors.ts";
import type { Storage } from "../core/storage.ts";
import { dataKey, keyringKey, metaKey, mountKey, mountsKey } from "./keys.ts";
import type { RedisArgument, RedisClient } from "./redis-client.ts";
import { asBuffer, bytesOf, listOf, numberOf, pairsOf, type RedisReply, textOf } from "./reply.ts";
import { scripts } from "./scripts.ts";

const clearedAtOnceMax = 500;
/** Fields of the meta hash. */
const operatorField = "operator";
const sealsField = (term: number): string => `seals:${term}`;

/**
 * Keeps entries, mount records and the keyring in Redis. The names of a mount's entries are indexed under `paths`. With
 * `replicasAwaited`, a keyring is acknowledged only once that many replicas have it, too.
 */
export function createRedisStorage(
  client: RedisClient,
  options: { readonly replicasAwaited?: number } = {},
): Storage {
  const { replicasAwaited = 0 } = options;
  const entryKeys = (accessor: string, path: string) => [
    mountKey(accessor, "state"),
    dataKey(accessor, path),
    mountKey(accessor, "paths"),
    mountKey(accessor, "epoch"),
  ];
  const optional = (reply: RedisReply): Uint8Array | undefined =>
    reply === null ? undefined : new Uint8Array(bytesOf(reply));

  return {
    async get(accessor, path) {
      return optional(await client.call("GET", dataKey(accessor, path)));
    },
    async put(accessor, path, value, options = {}) {
      const states = options.whileUnmounting ? "any" : "mounted";
      const args = [path, asBuffer(value), ...condition(options.expected), states];
      const answer = textOf(await client.run(scripts.put, entryKeys(accessor, path), args));
      if (answer === "unmounting") throw unmounting(path);
      return answer === "written";
    },
    async delete(accessor, path) {
      const answer = textOf(await client.run(scripts.delete, entryKeys(accessor, path), [path]));
      if (answer === "unmounting") throw unmounting(path);
      return answer === "deleted";
    },
    async list(accessor, folder, { after, limit }) {
      if (folder !== "" && !folder.endsWith("/"))
        throw new Error(`The folder ${quote(folder)} must end in a slash.`);
      return listOf(
        await client.run(scripts.list, [mountKey(accessor, "paths")], [folder, after, limit]),
      ).map(textOf);
    },
    async clear(accessor) {
      const pathsKey = mountKey(accessor, "paths");
      for (;;) {
        const paths = listOf(await client.call("ZRANGE", pathsKey, 0, clearedAtOnceMax - 1)).map(textOf);
        if (paths.length === 0) return;
        // The index goes last: a crash between the two leaves names without values, which the next try removes.
        await client.call("UNLINK", ...paths.map((path) => dataKey(accessor, path)));
        await client.call("ZREM", pathsKey, ...paths);
      }
    },
    async readMounts() {
      const records = pairsOf(listOf(await client.run(scripts.readHash, [mountsKey], [])));
      return new Map([...records].map(([path, record]) => [path, new Uint8Array(record)]));
    },
    async writeMount(path, record, expected) {
      const args = [path, ...condition(expected), ...(record ? [asBuffer(record)] : [])];
      return textOf(await client.run(scripts.writeMount, [mountsKey], args)) === "written";
    },
    async readKeyring() {
      return optional(await client.call("GET", keyringKey));
    },
    async createKeyring(keyring) {
      const args = [asBuffer(keyring)];
      return numberOf(await client.run(scripts.createKeyring, [keyringKey], args, replicasAwaited)) === 1;
    },
    async replaceKeyring(keyring, expected) {
      const args = [asBuffer(expected), asBuffer(keyring)];
      return numberOf(await client.run(scripts.replaceKeyring, [keyringKey], args, replicasAwaited)) === 1;
    },
    async countSeals(term, more) {
      return numberOf(await client.run(scripts.addToHash, [metaKey], [sealsField(term), more]));
    },
    async readOperatorMark() {
      return optional(await client.call("HGET", metaKey, operatorField));
    },
    async writeOperatorMark(mark, expected) {
      // The script writes one field of a hash, whichever.
      const args = [operatorField, ...condition(expected), asBuffer(mark)];
      return textOf(await client.run(scripts.writeMount, [metaKey], args)) === "written";
    },
  };
}

/** What must stand there now, as the scripts take it. */
function condition(expected: Uint8Array | null | undefined): RedisArgument[] {
  if (expected === undefined) return ["any", ""];
  return expected === null ? ["none", ""] : ["same", asBuffer(expected)];
}

function unmounting(path: string): CoreError {
  return new CoreError(
    "MOUNT_UNMOUNTING",
    `Cannot change ${quote(path)}: its mount is being unmounted. Mount again to write.`,
    { details: { path } },
  );
}
