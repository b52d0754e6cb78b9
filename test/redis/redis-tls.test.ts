import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MountService } from "../../gen/leasehold/v1/mounts_pb.ts";
import { SecretService } from "../../gen/leasehold/v1/secrets_pb.ts";
import { sendRedisCommand } from "../../src/dev/redis/redis-command.ts";
import { startServerProcess } from "../../src/dev/start-server-process.ts";
import { createRedisLeaseStore } from "../../src/redis/lease-store.ts";
import { prepareRedis } from "../../src/redis/prepare-redis.ts";
import { createRedisClient, type RedisClient } from "../../src/redis/redis-client.ts";
import { createRedisSharedRates } from "../../src/redis/shared-rates.ts";
import { createRedisStorage } from "../../src/redis/storage.ts";
import { createRedisWakeups } from "../../src/redis/wakeups.ts";
import { leaseStoreConformance } from "../conformance/lease-store.ts";
import { sharedRatesConformance } from "../conformance/shared-rates.ts";
import { storageConformance } from "../conformance/storage.ts";
import { startTlsRedis, type TlsRedis } from "../kit/tls-redis.ts";

const password = "s3cret/with@special:characters";

/** The user as the documentation tells people to make it. */
function documentedUser(): readonly string[] {
  const text = readFileSync(join(import.meta.dirname, "../../docs/OPERATIONS.md"), "utf8");
  const command = /^ACL SETUSER leasehold .*$/m.exec(text)?.[0];
  if (command === undefined) throw new Error("docs/OPERATIONS.md has no ACL SETUSER.");
  return command.split(" ").map((word) => (word === ">PASSWORD" ? `>${password}` : word));
}

let redis: TlsRedis;
let client: RedisClient;

const admin = (...words: readonly string[]) =>
  sendRedisCommand({ port: redis.plain.port, timeoutMs: 2000 }, ...words);
const url = (user = "leasehold", host = "127.0.0.1") =>
  `rediss://${user}:${encodeURIComponent(password)}@${host}:${redis.tlsPort}/0`;

beforeAll(async () => {
  redis = await startTlsRedis();
  await admin(...documentedUser());
  await admin("ACL", "LOG", "RESET");
  client = createRedisClient({ url: url(), ca: redis.ca });
  await prepareRedis(client);
}, 180_000);

afterAll(async () => {
  await client?.close();
  await redis?.stop();
});

describe("as the documented user, over TLS", () => {
  leaseStoreConformance("Redis", async () => {
    const store = createRedisLeaseStore({ client });
    const passTo = async (atMs: number) => {
      while ((await store.peekDue("none", { limit: 1, touch: false })).nowMs < atMs) await delay(5);
    };
    return { store, passTo };
  });

  storageConformance("Redis", async () => {
    await admin("DEL", "lh:mounts", "lh:keyring");
    const { setMountState, epoch } = createRedisLeaseStore({ client });
    return { storage: createRedisStorage(client), setMountState, epoch };
  });

  sharedRatesConformance("Redis", async (rules) => ({
    rates: createRedisSharedRates(client, rules),
    pass: (ms) => delay(ms),
  }));

  it("hears which leases expire", async () => {
    const wakeups = createRedisWakeups({ url: url(), ca: redis.ca });
    let isWoken = false;
    // The leases of the suites above expire as well.
    const onWake = (accessor: string) => {
      isWoken ||= accessor === "aws_1";
    };
    await wakeups.start({ onWake, onGap: () => {} });
    // Where it could not listen at once, what expires before it can is lost.
    while (!isWoken) {
      await admin("SET", "lh:{aws_1}:ttl:x", "", "PX", "1");
      await delay(20);
    }
    await wakeups.stop();
  });

  it("a server starts, writes and reads", { timeout: 30_000 }, async () => {
    await admin("FLUSHALL");
    const token = `lh.${randomBytes(24).toString("base64url")}`;
    const server = await startServerProcess({
      env: {
        LEASEHOLD_REDIS_URL: url(),
        LEASEHOLD_REDIS_CA_FILE: redis.caFile,
        LEASEHOLD_ROOT_KEY: randomBytes(32).toString("base64"),
        LEASEHOLD_ROOT_TOKEN: token,
      },
    });
    try {
      const transport = createGrpcTransport({ baseUrl: server.grpcUrl });
      const headers = { authorization: `Bearer ${token}` };
      await createClient(MountService, transport).mount({ type: "kv", path: "kv" }, { headers });
      const secrets = createClient(SecretService, transport);
      await secrets.write({ path: "kv/a", data: { value: "1" } }, { headers });
      expect((await secrets.read({ path: "kv/a" }, { headers })).data).toMatchObject({ value: "1" });
    } finally {
      await server.stop();
    }
  });

  it("is refused nothing but CONFIG, and may do nothing else", async () => {
    const refused = [...(await admin("ACL", "LOG")).matchAll(/^object\n(.*)$/gm)].map(
      ([, object = ""]) => object,
    );
    expect(refused).not.toEqual([]);
    expect(refused.filter((object) => !/^config\|(get|set)$/.test(object))).toEqual([]);
    for (const command of ["GET elsewhere", "FLUSHALL", "CONFIG GET requirepass", "ACL LIST", "KEYS *"]) {
      const [name = "", ...words] = command.split(" ");
      await expect(client.call(name, ...words)).rejects.toThrow("Redis does not let this user do that");
    }
  });
});

describe("over TLS, Redis is not reached", () => {
  const reach = async (options: { readonly url: string; readonly ca?: string }) => {
    const stranger = createRedisClient(options);
    try {
      await stranger.whenReady(700);
      await stranger.ping();
    } finally {
      await stranger.close();
    }
  };

  it("where its CA is not believed", async () =>
    await expect(reach({ url: url() })).rejects.toThrow("certificate of Redis is not believed"));

  it("where its certificate names another host", async () =>
    await expect(reach({ url: url("leasehold", "localhost"), ca: redis.ca })).rejects.toThrow(
      "certificate of Redis is not believed",
    ));

  it("where the user is unknown", async () =>
    await expect(reach({ url: url("somebody"), ca: redis.ca })).rejects.toThrow("refuses the user name"));
});
