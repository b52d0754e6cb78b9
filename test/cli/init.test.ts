import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openKeyring } from "../../src/core/open-keyring.ts";
import { createRedisClient, type RedisClient } from "../../src/redis/redis-client.ts";
import { createRedisStorage } from "../../src/redis/storage.ts";
import { decodeRootKey } from "../../src/root-key/root-key-file.ts";
import { startTestRedis, type TestRedis } from "../kit/redis-server.ts";
import { type Ran, run } from "./run.ts";

let redis: TestRedis;
let client: RedisClient;
let cwd: string;

beforeAll(async () => {
  redis = await startTestRedis();
  client = createRedisClient({ url: redis.url });
  await client.whenReady(2000);
}, 180_000);
afterAll(async () => {
  await client?.close();
  await redis?.stop();
});
beforeEach(async () => {
  cwd = mkdtempSync(join(tmpdir(), "leasehold-init-"));
  await client.call("FLUSHALL");
});
afterEach(() => rmSync(cwd, { recursive: true }));

const init = (argv: readonly string[] = [], env: Record<string, string> = {}): Promise<Ran> =>
  run(["init", ...argv], { cwd, env: { LEASEHOLD_REDIS_URL: redis.url, ...env } });
const keyIn = (file: string) => decodeRootKey(readFileSync(join(cwd, file), "utf8").trim());
const hasKeyring = async () => (await client.call("EXISTS", "lh:keyring")) === 1;
const someKey = Buffer.alloc(32, 5).toString("base64");

describe("init", () => {
  test("makes a root key that only its owner can read, a keyring that it opens, and a root token", async () => {
    const ran = await init(["--root-key-file", "root-key"]);
    expect(ran).toMatchObject({
      exitCode: 0,
      stderr: expect.stringContaining("Keep a copy of the root key"),
    });
    expect(ran.stdout).toMatch(/^Key +Value\nroot_key_file +\S+\/root-key\nroot_token +lh\.[\w-]{43}\n$/);
    expect(statSync(join(cwd, "root-key")).mode & 0o777).toBe(0o600);
    const key = keyIn("root-key");
    if (!key) throw new Error("There is no key in the file.");
    expect((await openKeyring(createRedisStorage(client), key)).activeTerm).toBe(1);
    expect(ran.stdout + ran.stderr).not.toContain(Buffer.from(key).toString("base64"));
  });

  test("answers one JSON document where that is asked for, and nothing else", async () => {
    const { stdout, stderr } = await init(["--format", "json"]);
    expect(JSON.parse(stdout)).toEqual({
      root_key_file: join(cwd, "leasehold-root-key"),
      root_token: expect.stringMatching(/^lh\./),
    });
    expect(stderr).toBe("");
    expect(readdirSync(cwd)).toEqual(["leasehold-root-key"]);
  });

  test("stores nothing of the token that anybody could use", async () => {
    const { root_token: token } = JSON.parse((await init(["--format", "json"])).stdout);
    const keys = await client.call("KEYS", "*");
    expect(String(keys)).not.toContain(token.slice(3));
    const values = await Promise.all(
      String(keys)
        .split(",")
        .filter((key) => key.includes(":data:"))
        .map((key) => client.call("GET", key)),
    );
    expect(values.map(String).join()).not.toContain(token.slice(3));
  });

  test("makes no key where one is configured, and the file of LEASEHOLD_ROOT_KEY_FILE where that is missing", async () => {
    const configured = await init(["--format", "json"], { LEASEHOLD_ROOT_KEY: someKey });
    expect(JSON.parse(configured.stdout)).toMatchObject({ root_key_file: null });
    expect(readdirSync(cwd)).toEqual([]);
    expect((await openKeyring(createRedisStorage(client), Buffer.alloc(32, 5))).activeTerm).toBe(1);
    await client.call("FLUSHALL");
    const missing = join(cwd, "missing");
    const made = await init(["--format", "json"], { LEASEHOLD_ROOT_KEY_FILE: missing });
    expect(JSON.parse(made.stdout)).toMatchObject({ root_key_file: missing });
    await client.call("FLUSHALL");
    const kept = await init(["--format", "json"], { LEASEHOLD_ROOT_KEY_FILE: missing });
    expect(JSON.parse(kept.stdout)).toMatchObject({ root_key_file: null });
  });

  test("refuses to do it twice, and leaves everything as it was", async () => {
    await init(["--root-key-file", "first"]);
    const before = await client.call("DUMP", "lh:keyring");
    const again = await init(["--root-key-file", "second"]);
    expect(again).toMatchObject({ exitCode: 1, stdout: "" });
    expect(again.stderr).toContain("Error initializing: Redis has a keyring already");
    expect(readdirSync(cwd)).toEqual(["first"]);
    expect(await client.call("DUMP", "lh:keyring")).toEqual(before);
  });

  test("refuses a file that is there, and leaves Redis as it was", async () => {
    writeFileSync(join(cwd, "leasehold-root-key"), "something");
    const ran = await init();
    expect(ran).toMatchObject({ exitCode: 1, stdout: "" });
    expect(ran.stderr).toContain("there is a file");
    expect(await hasKeyring()).toBe(false);
    expect(readFileSync(join(cwd, "leasehold-root-key"), "utf8")).toBe("something");
  });

  test("of two at the same time, one does it and the other leaves no key behind", async () => {
    const both = await Promise.all([init(["--root-key-file", "one"]), init(["--root-key-file", "other"])]);
    expect(both.map(({ exitCode }) => exitCode).sort()).toEqual([0, 1]);
    const [file = ""] = readdirSync(cwd);
    expect(readdirSync(cwd)).toHaveLength(1);
    expect((await openKeyring(createRedisStorage(client), keyIn(file) ?? Buffer.alloc(32))).activeTerm).toBe(
      1,
    );
  });

  test("says what is missing or too much of its settings", async () => {
    const none = await run(["init"], { cwd });
    expect(none).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("LEASEHOLD_REDIS_URL is not set"),
    });
    const both = await init(["--root-key-file", "f"], { LEASEHOLD_ROOT_KEY: someKey });
    expect(both).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("a root key is configured") });
    const bad = await init([], { LEASEHOLD_ROOT_KEY: "short" });
    expect(bad).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("32 bytes in base64") });
    expect(readdirSync(cwd)).toEqual([]);
  });
});
