/** A change of the keyspace, as Redis writes it to its append-only file and sends it to its replicas. */
export type Command =
  | { readonly kind: "set"; readonly key: string; readonly value: unknown; readonly expiresAtMs?: number }
  | { readonly kind: "del"; readonly key: string }
  | { readonly kind: "zadd"; readonly key: string; readonly member: string; readonly score: number }
  | { readonly kind: "zrem"; readonly key: string; readonly member: string }
  | { readonly kind: "hset"; readonly key: string; readonly field: string; readonly value: unknown }
  | { readonly kind: "hdel"; readonly key: string; readonly field: string }
  | { readonly kind: "xadd"; readonly key: string; readonly entry: unknown; readonly lengthMax: number };

/** A value with its expiry. */
export interface KeyValue {
  readonly value: unknown;
  readonly expiresAtMs: number | undefined;
}

/** The keys of a Redis. A collection that becomes empty is no key any more. */
export interface Keyspace {
  readonly values: ReadonlyMap<string, KeyValue>;
  zset(key: string): ReadonlyMap<string, number>;
  hash(key: string): ReadonlyMap<string, unknown>;
  stream(key: string): readonly unknown[];
  apply(command: Command): void;
  clone(): Keyspace;
}

interface Contents {
  readonly values: Map<string, KeyValue>;
  readonly zsets: Map<string, Map<string, number>>;
  readonly hashes: Map<string, Map<string, unknown>>;
  readonly streams: Map<string, unknown[]>;
}

const nothing: ReadonlyMap<string, never> = new Map<string, never>();

/** Makes a keyspace; empty unless told. */
export function createKeyspace(contents?: Contents): Keyspace {
  const { values, zsets, hashes, streams }: Contents = contents ?? {
    values: new Map(),
    zsets: new Map(),
    hashes: new Map(),
    streams: new Map(),
  };
  return {
    values,
    zset: (key) => zsets.get(key) ?? nothing,
    hash: (key) => hashes.get(key) ?? nothing,
    stream: (key) => streams.get(key) ?? [],
    apply(command) {
      const { key } = command;
      switch (command.kind) {
        case "set":
          values.set(key, { value: command.value, expiresAtMs: command.expiresAtMs });
          return;
        case "del":
          for (const kind of [values, zsets, hashes, streams]) kind.delete(key);
          return;
        case "zadd":
          put(zsets, key, command.member, command.score);
          return;
        case "zrem":
          take(zsets, key, command.member);
          return;
        case "hset":
          put(hashes, key, command.field, command.value);
          return;
        case "hdel":
          take(hashes, key, command.field);
          return;
        case "xadd": {
          const entries = streams.get(key) ?? [];
          entries.push(command.entry);
          // The oldest go a block at a time.
          const block = Math.min(100, command.lengthMax);
          if (entries.length > command.lengthMax + block) entries.splice(0, block);
          streams.set(key, entries);
          return;
        }
      }
    },
    clone: () =>
      createKeyspace({
        values: new Map(values),
        zsets: new Map([...zsets].map(([key, zset]) => [key, new Map(zset)])),
        hashes: new Map([...hashes].map(([key, hash]) => [key, new Map(hash)])),
        streams: new Map([...streams].map(([key, entries]) => [key, [...entries]])),
      }),
  };
}

function put<T>(collections: Map<string, Map<string, T>>, key: string, name: string, value: T): void {
  const collection = collections.get(key) ?? new Map<string, T>();
  collection.set(name, value);
  collections.set(key, collection);
}

function take<T>(collections: Map<string, Map<string, T>>, key: string, name: string): void {
  const collection = collections.get(key);
  collection?.delete(name);
  if (collection?.size === 0) collections.delete(key);
}
