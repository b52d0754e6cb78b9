import type { MountStorage } from "../mount-storage.ts";
import { type TokenRecord, tokenRecordFromJson, tokenRecordToJson } from "./token-record.ts";

const tokenEntry = (digest: string): string => `token/${digest}`;
const accessorEntry = (accessor: string): string => `accessor/${accessor}`;

/**
 * Where tokens are kept: a record under the digest of each token's text, and under each accessor the digest it stands for. Every
 * method rejects with `STORAGE_UNAVAILABLE` where the storage is away.
 */
export interface TokenBook {
  /** Stores a token. The accessor comes first: whatever exists can be found and removed by it. */
  write(digest: string, record: TokenRecord): Promise<void>;
  find(digest: string): Promise<TokenRecord | undefined>;
  findByAccessor(accessor: string): Promise<TokenRecord | undefined>;
  /** Takes one use of a token; answers what is left, or undefined where there was none, or no such token. */
  useOnce(digest: string): Promise<number | undefined>;
  /** Makes a token useless, and tells the listener. One that is not there is fine. */
  disarm(accessor: string): Promise<void>;
  /** Removes what is left of a token that was disarmed. */
  forget(accessor: string): Promise<void>;
}

/** Makes the book of tokens over the storage of their mount. The listener is told the digest of each token that was disarmed. */
export function createTokenBook(
  storage: MountStorage,
  onDisarmed: (digest: string) => void = () => undefined,
): TokenBook {
  const digestOf = async (accessor: string): Promise<string | undefined> => {
    const entry = await storage.get(accessorEntry(accessor));
    return typeof entry?.digest === "string" ? entry.digest : undefined;
  };

  const find = async (digest: string): Promise<TokenRecord | undefined> => {
    const entry = await storage.get(tokenEntry(digest));
    return entry && tokenRecordFromJson(entry);
  };

  return {
    async write(digest, record) {
      await storage.put(accessorEntry(record.accessor), { digest });
      await storage.put(tokenEntry(digest), tokenRecordToJson(record));
    },
    find,
    async findByAccessor(accessor) {
      const digest = await digestOf(accessor);
      return digest === undefined ? undefined : await find(digest);
    },
    async useOnce(digest) {
      let left: number | undefined;
      const missing = new Error("There is no such token.");
      try {
        await storage.update(tokenEntry(digest), (current) => {
          // Writing it again would bring back a token that was disarmed meanwhile.
          if (!current) throw missing;
          const record = tokenRecordFromJson(current);
          const { usesLeft } = record;
          left = usesLeft === undefined || usesLeft < 1 ? undefined : usesLeft - 1;
          return left === undefined ? current : tokenRecordToJson({ ...record, usesLeft: left });
        });
      } catch (error) {
        if (error !== missing) throw error;
        return undefined;
      }
      return left;
    },
    async disarm(accessor) {
      const digest = await digestOf(accessor);
      if (digest === undefined) return;
      await storage.delete(tokenEntry(digest));
      onDisarmed(digest);
    },
    async forget(accessor) {
      await storage.delete(accessorEntry(accessor));
    },
  };
}
