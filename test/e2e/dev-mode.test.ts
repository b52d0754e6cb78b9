import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { beforeAll, expect, it } from "vitest";
import { LeaseService } from "../../gen/leasehold/v1/leases_pb.ts";
import { MountService } from "../../gen/leasehold/v1/mounts_pb.ts";
import { SecretService } from "../../gen/leasehold/v1/secrets_pb.ts";
import { whoseKey } from "../../src/dev/demo/leased-key.ts";
import { tutorialKey } from "../../src/dev/simulator/simulator.ts";
import { type ServerProcess, startServerProcess } from "../../src/dev/start-server-process.ts";
import { deployPolicy } from "../kit/deployment.ts";
import { testRedisExecutable } from "../kit/redis-server.ts";
import { eventually } from "./eventually.ts";
import { toolEnv } from "./tool-env.ts";

beforeAll(testRedisExecutable, 180_000);

const orphanMsMax = 2000;

/** What a development server tells whoever started it. */
interface Banner {
  readonly redisUrl: string;
  readonly awsUrl: string;
  readonly token: string;
}

async function bannerOf(server: ServerProcess): Promise<Banner> {
  const text = () => server.log.join("\n");
  await eventually("the banner is there", () => text().includes("Ctrl-C ends it."));
  const value = (pattern: RegExp) => pattern.exec(text())?.[1] ?? "";
  return {
    redisUrl: value(/^ {2}Redis +(\S+) \(embedded\)$/m),
    awsUrl: value(/^ {2}AWS simulator +(\S+) /m),
    token: value(/^ {2}export LEASEHOLD_TOKEN=(\S+)$/m),
  };
}

function isListening(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = createConnection({ host: hostname, port: Number(port) });
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}

function connect({ grpcUrl }: ServerProcess, token: string) {
  const sessionManager = new Http2SessionManager(grpcUrl);
  const transport = createGrpcTransport({
    baseUrl: grpcUrl,
    sessionManager,
    interceptors: [
      (next) => (request) => {
        request.header.set("authorization", `Bearer ${token}`);
        return next(request);
      },
    ],
  });
  return {
    mounts: createClient(MountService, transport),
    secrets: createClient(SecretService, transport),
    leases: createClient(LeaseService, transport),
    close: () => sessionManager.abort(),
  };
}

it("a development server that is killed takes its children along, and goes on with its folder", {
  timeout: 60_000,
}, async () => {
  const dir = await mkdtemp(join(tmpdir(), "leasehold-dev-mode-"));
  const env = { ...toolEnv, LEASEHOLD_DEV_DIR: dir };
  const start = () => startServerProcess({ env, args: ["--dev"] });
  let server = await start();
  try {
    const before = await bannerOf(server);
    expect(await readFile(join(dir, "root-token"), "utf8")).toBe(before.token);
    expect((await stat(join(dir, "root-key"))).mode & 0o077).toBe(0);
    const first = connect(server, before.token);
    await first.mounts.mount({ type: "aws" });
    const { accessKeyId: access_key, secretAccessKey: secret_key } = tutorialKey;
    await first.secrets.write({ path: "aws/config/root", data: { access_key, secret_key } });
    await first.secrets.write({ path: "aws/roles/deploy", data: { policy: deployPolicy } });
    const { data, lease } = await first.secrets.read({ path: "aws/creds/deploy" });
    const key = { accessKeyId: String(data?.["access_key"]), secretAccessKey: String(data?.["secret_key"]) };
    const leaseId = lease?.id ?? "";
    first.close();

    expect(await isListening(before.redisUrl)).toBe(true);
    expect(await isListening(before.awsUrl)).toBe(true);
    process.kill(server.pid, "SIGKILL");
    await eventually(
      "Redis and the AWS simulator have ended",
      async () => !(await isListening(before.redisUrl)) && !(await isListening(before.awsUrl)),
      { withinMs: orphanMsMax },
    );
    await server.exited;

    server = await start();
    const after = await bannerOf(server);
    expect(after.token).toBe(before.token);
    const second = connect(server, after.token);
    expect((await second.leases.lookup({ leaseId })).lease?.id).toBe(leaseId);
    expect((await whoseKey(after.awsUrl, key)).refusal).toBeUndefined();
    await second.leases.revoke({ leaseId });
    expect((await whoseKey(after.awsUrl, key)).refusal).toBe("InvalidClientTokenId");
    second.close();

    expect(await server.stop()).toEqual({ code: 0, signal: null });
    expect(await isListening(after.redisUrl)).toBe(false);
    expect(await isListening(after.awsUrl)).toBe(false);
    expect((await stat(dir)).isDirectory()).toBe(true);
  } finally {
    await server.kill();
    await rm(dir, { recursive: true, force: true });
  }
});
