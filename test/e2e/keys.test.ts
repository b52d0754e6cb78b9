import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { type ServerProcess, startServerProcess } from "../../src/dev/start-server-process.ts";
import { type Ran, run } from "../cli/run.ts";
import { startTestRedis, type TestRedis, testRedisExecutable } from "../kit/redis-server.ts";
import { eventually } from "./eventually.ts";

beforeAll(testRedisExecutable, 180_000);

const timeout = 90_000;

let redis: TestRedis;
let cwd: string;
let servers: ServerProcess[];

beforeEach(async () => {
  redis = await startTestRedis();
  cwd = mkdtempSync(join(tmpdir(), "leasehold-keys-"));
  servers = [];
});
afterEach(async () => {
  for (const server of servers) await server.kill();
  await redis.stop();
  rmSync(cwd, { recursive: true });
});

async function start(env: Record<string, string>): Promise<ServerProcess> {
  const server = await startServerProcess({ env: { LEASEHOLD_REDIS_URL: redis.url, ...env } });
  servers.push(server);
  return server;
}

const leasehold = (argv: readonly string[], env: Record<string, string>): Promise<Ran> =>
  run([...argv, "--format", "json"], { cwd, env });

async function initialize(): Promise<{ readonly file: string; readonly token: string }> {
  const file = join(cwd, "root-key");
  const ran = await leasehold(["init", "--root-key-file", file], { LEASEHOLD_REDIS_URL: redis.url });
  return { file, token: JSON.parse(ran.stdout).root_token };
}

it("a Redis that was initialized serves its root token, through rotation, rekey and restart, and nothing else does", {
  timeout,
}, async () => {
  const { file, token } = await initialize();
  const withFirst = { LEASEHOLD_ROOT_KEY_FILE: file };
  const [one, other] = [await start(withFirst), await start(withFirst)];
  const ask = (server: ServerProcess, ...argv: string[]) =>
    leasehold(argv, { LEASEHOLD_ADDR: server.grpcUrl, LEASEHOLD_TOKEN: token });
  const value = async (server: ServerProcess, path: string) =>
    JSON.parse((await ask(server, "read", path)).stdout).data?.v;

  expect((await ask(one, "mount", "kv")).exitCode).toBe(0);
  await ask(one, "write", "kv/before", "v=1");
  expect(JSON.parse((await ask(one, "operator", "rotate")).stdout)).toMatchObject({ term: 2 });
  await ask(other, "write", "kv/rotated", "v=2");
  expect(await value(one, "kv/rotated")).toBe("2");
  expect(await value(other, "kv/before")).toBe("1");

  const newFile = join(cwd, "new-root-key");
  expect((await ask(other, "operator", "rekey", "--new-key-file", newFile)).exitCode).toBe(0);
  await eventually("the other server has heard of it", () =>
    one.log.some((line) => line.includes("next start needs the new one")),
  );
  await ask(one, "write", "kv/rekeyed", "v=3");
  expect(await value(other, "kv/rekeyed")).toBe("3");
  for (const server of servers) await server.stop();

  await expect(start(withFirst)).rejects.toThrow("The root key does not open the keyring");
  const next = await start({ LEASEHOLD_ROOT_KEY_FILE: newFile });
  for (const [path, stored] of [
    ["kv/before", "1"],
    ["kv/rotated", "2"],
    ["kv/rekeyed", "3"],
  ] as const)
    expect(await value(next, path)).toBe(stored);
  const shown = servers.flatMap(({ log }) => log).join("\n");
  for (const secret of [token, readFileSync(file, "utf8").trim(), readFileSync(newFile, "utf8").trim()])
    expect(shown).not.toContain(secret);
});

it("a server of which nobody could ask anything does not start, and says what to do", {
  timeout,
}, async () => {
  const env = { LEASEHOLD_ROOT_KEY: Buffer.alloc(32, 3).toString("base64") };
  await expect(start(env)).rejects.toThrow('Run "leasehold init" once');
  await expect(start({ ...env, LEASEHOLD_ROOT_TOKEN: "lh.a-token-of-some-length" })).resolves.toBeDefined();
  await expect(start(env)).resolves.toBeDefined();
});
