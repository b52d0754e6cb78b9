import { createBarrier } from "./core/barrier.ts";
import { firstKeyring } from "./core/keyring.ts";
import { wrapKeyring } from "./core/keyring-format.ts";
import { createMountStorage } from "./core/mount-storage.ts";
import { storeRootToken } from "./core/tokens/root-token.ts";
import { tokenMountAccessor } from "./core/tokens/token-backend.ts";
import { createRedisLeaseStore } from "./redis/lease-store.ts";
import { prepareRedis } from "./redis/prepare-redis.ts";
import { createRedisClient, type RedisClient } from "./redis/redis-client.ts";
import { createRedisStorage } from "./redis/storage.ts";

/** Thrown where the storage was set up before; nothing was changed. */
export class AlreadyInitializedError extends Error {
  constructor() {
    super(
      "Redis has a keyring already: it was initialized before, and nothing was changed. Use the root key and the token from then. " +
        "For another root key see leasehold operator rekey.",
    );
    this.name = "AlreadyInitializedError";
  }
}

/** A storage that is not set up yet. */
export interface EmptyStorage {
  /**
   * Stores a first keyring, wrapped with the root key, and a root token, whose text it answers. The keyring comes last: where
   * this fails before, the storage counts as untouched. Rejects with `AlreadyInitializedError` where somebody else was quicker, and
   * with `STORAGE_UNAVAILABLE`, after which the keyring may be there or not.
   */
  initialize(rootKey: Uint8Array): Promise<string>;
  close(): Promise<void>;
}

/**
 * Opens a storage to set it up. Rejects with `AlreadyInitializedError` where that was done before, and with
 * `UnsuitableRedisError` or `STORAGE_UNAVAILABLE`.
 */
export async function openEmptyStorage(options: {
  readonly redisUrl: string;
  /** CAs that are believed where Redis is reached over TLS, in PEM; those of the system where there are none. */
  readonly redisCa?: string | undefined;
  readonly replicasAwaited: number;
}): Promise<EmptyStorage> {
  const { redisUrl, redisCa, replicasAwaited } = options;
  const client = createRedisClient({ url: redisUrl, ca: redisCa });
  try {
    await prepareRedis(client, { replicasAwaited });
    if (await createRedisStorage(client).readKeyring()) throw new AlreadyInitializedError();
  } catch (error) {
    await client.close();
    throw error;
  }
  return {
    initialize: (rootKey) => initialize(client, { rootKey, replicasAwaited }),
    close: () => client.close(),
  };
}

async function initialize(
  client: RedisClient,
  { rootKey, replicasAwaited }: { readonly rootKey: Uint8Array; readonly replicasAwaited: number },
): Promise<string> {
  const storage = createRedisStorage(client, { replicasAwaited });
  const nowMs = Date.now();
  const keyring = firstKeyring(nowMs);
  const barrier = createBarrier(keyring);
  // As mounting does for others: without it the storage takes no entry of theirs.
  await createRedisLeaseStore({ client, replicasAwaited }).setMountState(tokenMountAccessor, "mounted");
  const token = await storeRootToken(
    createMountStorage({ accessor: tokenMountAccessor, storage, barrier }),
    nowMs,
  );
  const wrapped = wrapKeyring(keyring, rootKey);
  if (await storage.createKeyring(wrapped)) return token;
  // Its own answer may have been lost, and the call repeated.
  const stored = await storage.readKeyring();
  if (stored && Buffer.compare(stored, wrapped) === 0) return token;
  throw new AlreadyInitializedError();
}
