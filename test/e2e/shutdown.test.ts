import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, it } from "vitest";
import { type CommandOutcome, runCommand } from "../../src/dev/process/run-command.ts";
import { type Deployment, deploy } from "../kit/deployment.ts";
import { testRedisExecutable } from "../kit/redis-server.ts";
import { eventually, inTime } from "./eventually.ts";

beforeAll(testRedisExecutable, 180_000);

const timeout = 60_000;
/** Longer than a server takes to drain. */
const endMsMax = 12_000;
const program = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const freePorts = { LEASEHOLD_GRPC_ADDR: "127.0.0.1:0", LEASEHOLD_HTTP_ADDR: "127.0.0.1:0" };

/** Runs a server that is expected to end by itself. */
function runServer(env: Readonly<Record<string, string>>): Promise<CommandOutcome> {
  const command = { command: process.execPath, args: [program], env: { ...freePorts, ...env } };
  return runCommand({ ...command, timeoutMs: 20_000 });
}

async function deploySlowAws(latencyMs: number): Promise<Deployment> {
  const deployment = await deploy({ env: { LEASEHOLD_ISSUE_GRACE: "6s" } });
  await deployment.mountAws();
  await deployment.writeRole();
  deployment.aws.faults.add({ kind: "latency", ms: latencyMs, actions: ["CreateAccessKey"] });
  return deployment;
}

it.concurrent("SIGTERM lets a call under way finish, refuses new ones, and ends with exit code 0", {
  timeout,
}, async () => {
  await using deployment = await deploySlowAws(2000);
  const { server } = deployment;
  const issue = deployment.readCreds();
  await eventually("the issue is under way", () => deployment.aliveUsers().length === 1);
  process.kill(server.pid, "SIGTERM");
  await eventually("nobody is let in any more", () =>
    fetch(`${server.httpUrl}/healthz`).then(
      () => false,
      () => true,
    ),
  );
  const refused = await deployment.server.secrets.read({ path: "aws/roles/deploy" }).catch(() => "refused");
  expect(refused).toBe("refused");
  const key = await inTime("the issue has finished", issue, endMsMax);
  expect(await deployment.isKeyAlive(key)).toBe(true);
  expect(await inTime("the server has ended", server.exited, endMsMax)).toEqual({ code: 0, signal: null });
  await deployment.startServer();
  expect(await deployment.countLeases()).toBe(1);
});

it.concurrent("a second SIGTERM ends a server at once, and what it was making is cleaned up", {
  timeout,
}, async () => {
  await using deployment = await deploySlowAws(4000);
  const { server } = deployment;
  // The HTTP/2 client of Node does not always tell of a session that was told to go away and then cut: hence its own limit.
  const issue = deployment.readCreds({ call: { timeoutMs: 8000 } }).catch(() => "cut off");
  await eventually("the issue is under way", () => deployment.aliveUsers().length === 1);
  process.kill(server.pid, "SIGTERM");
  await eventually("it is stopping", () => server.log.some((line) => line.includes('"stopping;')));
  process.kill(server.pid, "SIGTERM");
  const signalledMs = performance.now();
  expect(await inTime("the server has ended", server.exited, endMsMax)).toEqual({ code: 1, signal: null });
  expect(performance.now() - signalledMs).toBeLessThan(1500);
  expect(await inTime("the issue has failed", issue, endMsMax)).toBe("cut off");
  expect(deployment.aliveUsers()).toHaveLength(1);
  deployment.aws.faults.clear();
  await deployment.startServer();
  // A bound, not a wait: the lease comes due at the end of its grace, 6 s; where the first attempt is cut off, another one
  // follows when the claim has run out, 12 s later.
  await eventually("no user is left", () => deployment.aliveUsers().length === 0, { withinMs: 25_000 });
});

it.concurrent("a server that cannot start says why in a sentence: exit code 2 for its configuration, 1 otherwise", {
  timeout,
}, async () => {
  await using deployment = await deploy();
  await deployment.mountAws();
  const { env, server, redisConnection } = deployment;
  const keyringBefore = await redisConnection.dumpBuffer("lh:keyring");

  const [wrongKey, nothingSet, allWrong, grpcTaken, httpTaken, noRedis] = await Promise.all([
    runServer({ ...env, LEASEHOLD_ROOT_KEY: randomBytes(32).toString("base64") }),
    runServer({}),
    runServer({
      ...env,
      LEASEHOLD_GRPC_ADDR: "0.0.0.0:0",
      LEASEHOLD_DEFAULT_TTL: "soon",
      LEASEHOLD_EXPIRY_TIMER: "maybe",
    }),
    runServer({ ...env, LEASEHOLD_GRPC_ADDR: new URL(server.grpcUrl).host }),
    runServer({ ...env, LEASEHOLD_HTTP_ADDR: new URL(server.httpUrl).host }),
    runServer({ ...env, LEASEHOLD_REDIS_URL: "redis://127.0.0.1:1" }),
  ]);
  const stack = /\n\s+at /;
  for (const { stderr } of [wrongKey, nothingSet, allWrong, grpcTaken, httpTaken, noRedis])
    expect(stderr).not.toMatch(stack);

  expect(wrongKey.code).toBe(2);
  expect(wrongKey.stderr).toMatch(/root key/i);
  expect(await redisConnection.dumpBuffer("lh:keyring")).toEqual(keyringBefore);
  expect(nothingSet.code).toBe(2);
  for (const name of ["LEASEHOLD_REDIS_URL", "LEASEHOLD_ROOT_KEY"])
    expect(nothingSet.stderr).toContain(`${name} is not set`);
  expect(allWrong.code).toBe(2);
  for (const name of ["LEASEHOLD_GRPC_ADDR", "LEASEHOLD_DEFAULT_TTL", "LEASEHOLD_EXPIRY_TIMER"])
    expect(allWrong.stderr).toContain(name);

  expect(grpcTaken.code).toBe(1);
  expect(grpcTaken.stderr).toContain(`Cannot listen for gRPC on "${new URL(server.grpcUrl).host}"`);
  expect(httpTaken.code).toBe(1);
  expect(httpTaken.stderr).toContain(`Cannot listen for HTTP on "${new URL(server.httpUrl).host}"`);
  expect(noRedis.code).toBe(1);
  expect(noRedis.stderr).toMatch(/Redis cannot be reached/);
});
