import { afterAll, beforeAll } from "vitest";
import { systemClock } from "../../src/core/clock.ts";
import { createRedisLeaseStore } from "../../src/redis/lease-store.ts";
import { createRedisClient, type RedisClient } from "../../src/redis/redis-client.ts";
import { asBuffer, bytesOf, listOf, pairsOf, type RedisReply, textOf } from "../../src/redis/reply.ts";
import { createRedisStorage } from "../../src/redis/storage.ts";
import { tamperingConformance } from "../conformance/tampering.ts";
import { startTestRedis, type TestRedis } from "../kit/redis-server.ts";

let redis: TestRedis;
let client: RedisClient;

beforeAll(async () => {
  redis = await startTestRedis({ appendOnly: false });
  client = createRedisClient({ url: redis.url });
  await client.whenReady(2000);
}, 180_000);
afterAll(async () => {
  await client?.close();
  await redis?.stop();
});

const textsOf = (reply: RedisReply) => listOf(reply).map(textOf);
const hashAt = async (key: string) => pairsOf(listOf(await client.call("HGETALL", key)));
/** How long the pieces are in which a lease keeps what is sealed. */
const pieceBytes = 63;

async function sealedOfLease(key: string): Promise<Uint8Array> {
  const pieces = [...(await hashAt(key))].filter(([field]) => /^\d+$/.test(field));
  pieces.sort(([one], [other]) => Number(one) - Number(other));
  return new Uint8Array(Buffer.concat(pieces.map(([, piece]) => piece)));
}

async function writeLease(key: string, sealed: Uint8Array): Promise<void> {
  const fields = [...(await hashAt(key)).keys()].filter((field) => /^\d+$/.test(field));
  await client.call("HDEL", key, ...fields);
  for (let at = 0; at * pieceBytes < sealed.length; at++) {
    const piece = sealed.subarray(at * pieceBytes, (at + 1) * pieceBytes);
    await client.call("HSET", key, String(at), asBuffer(piece));
  }
}

tamperingConformance("Redis", async () => {
  await client.call("FLUSHALL");
  return {
    leases: createRedisLeaseStore({ client }),
    storage: createRedisStorage(client),
    clock: systemClock,
    async read() {
      const values = new Map<string, Uint8Array>();
      for (const key of textsOf(await client.call("KEYS", "lh:{*"))) {
        const [, accessor, kind, rest] = /^lh:\{([^}]+)\}:(data|lease):(.*)$/.exec(key) ?? [];
        if (kind === undefined) continue;
        const value =
          kind === "lease"
            ? await sealedOfLease(key)
            : new Uint8Array(bytesOf(await client.call("GET", key)));
        values.set(`${kind}:${accessor}:${rest}`, value);
      }
      for (const [path, record] of await hashAt("lh:mounts"))
        values.set(`mount:${path}`, new Uint8Array(record));
      const mark = (await hashAt("lh:meta")).get("operator");
      return mark ? values.set("operator", new Uint8Array(mark)) : values;
    },
    async write(place, sealed) {
      const [, kind = "", accessor, rest = ""] = /^(data|lease):([^:]+):(.*)$/.exec(place) ?? [];
      const key = `lh:{${accessor}}:${kind}:${rest}`;
      if (place === "operator") await client.call("HSET", "lh:meta", "operator", asBuffer(sealed));
      else if (kind === "lease") await writeLease(key, sealed);
      else if (kind === "data") await client.call("SET", key, asBuffer(sealed));
      else await client.call("HSET", "lh:mounts", place.slice("mount:".length), asBuffer(sealed));
    },
  };
});
