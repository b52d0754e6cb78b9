import type { Barrier } from "./barrier.ts";
import { CoreError, quote } from "./errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "./json.ts";
import type { Place } from "./place.ts";
import type { Storage } from "./storage.ts";

const updateTriesMax = 16;
/** Version of what an entry is: a JSON object. */
const entrySchema = 1;

/**
 * The entries of one mount as JSON objects under slash-separated paths, sealed
 * on their way to the storage and bound to their place.
 */
export interface MountStorage {
  /** Reads an entry. */
  get(path: string): Promise<JsonObject | undefined>;
  /** Writes an entry, whatever was there. */
  put(path: string, value: JsonObject): Promise<void>;
  /**
   * Writes what `change` makes of the entry as it is; runs it again where
   * somebody else wrote meanwhile, so that no write is lost. With `whileUnmounting`, on a mount that is going away as
   * well: for what a revocation has to keep.
   */
  update(
    path: string,
    change: (current: JsonObject | undefined) => JsonObject,
    options?: { readonly whileUnmounting?: boolean },
  ): Promise<JsonObject>;
  /** Deletes an entry; answers whether there was one. */
  delete(path: string): Promise<boolean>;
  /** All names directly under a folder (`""` or ending in a slash), in order; a folder ends in a slash. */
  list(folder: string): Promise<readonly string[]>;
}

/** Makes the storage of one mount from the barrier and the raw storage. */
export function createMountStorage(options: {
  readonly accessor: string;
  readonly storage: Storage;
  readonly barrier: Barrier;
}): MountStorage {
  const { accessor, storage, barrier } = options;
  const place = (path: string): Place => ({
    key: `data:${accessor}:${path}`,
    field: "entry",
    schema: entrySchema,
  });
  const seal = (path: string, value: JsonObject) =>
    barrier.seal(new TextEncoder().encode(JSON.stringify(value)), place(path));
  const open = (path: string, sealed: Uint8Array): JsonObject => {
    const value: JsonValue = JSON.parse(new TextDecoder().decode(barrier.open(sealed, place(path))));
    if (!isJsonObject(value)) throw new Error(`The entry at ${quote(path)} is not a JSON object.`);
    return value;
  };

  return {
    async get(path) {
      const sealed = await storage.get(accessor, path);
      return sealed && open(path, sealed);
    },
    async put(path, value) {
      await storage.put(accessor, path, seal(path, value));
    },
    async update(path, change, { whileUnmounting = false } = {}) {
      for (let tries = 0; tries < updateTriesMax; tries++) {
        const sealed = await storage.get(accessor, path);
        const value = change(sealed && open(path, sealed));
        const options = { expected: sealed ?? null, whileUnmounting };
        if (await storage.put(accessor, path, seal(path, value), options)) return value;
      }
      throw new CoreError(
        "STORAGE_UNAVAILABLE",
        `Cannot write ${quote(path)}: others wrote it ${updateTriesMax} times meanwhile. Try again.`,
        { details: { path } },
      );
    },
    delete: (path) => storage.delete(accessor, path),
    async list(folder) {
      const names: string[] = [];
      const limit = 1000;
      for (;;) {
        const page = await storage.list(accessor, folder, { after: names.at(-1) ?? "", limit });
        names.push(...page);
        if (page.length < limit) return names;
      }
    },
  };
}
