import { spawn } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { deploy } from "../kit/deployment.ts";

test("a server that is sent SIGUSR1 opens no debugger, and goes on", { timeout: 60_000 }, async () => {
  await using deployment = await deploy();
  const { server } = deployment;
  for (let times = 0; times < 3; times++) {
    process.kill(server.pid, "SIGUSR1");
    expect((await server.mounts.listMounts({})).mounts).toEqual(expect.any(Array));
  }
  expect(server.log.join("\n")).not.toMatch(/debugger/i);
});

test("a server that is sent SIGHUP while it starts goes on starting", { timeout: 60_000 }, async () => {
  let hangUp = (): void => {};
  // It asks for its root key first, so that it is certain to be starting then.
  const kms = createServer((_request, response) => {
    hangUp();
    response.writeHead(400).end('{"__type":"AccessDeniedException"}');
  });
  await new Promise<void>((resolve) => kms.listen(0, "127.0.0.1", resolve));
  const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
  const child = spawn(process.execPath, [main], {
    stdio: "ignore",
    env: {
      LEASEHOLD_REDIS_URL: "redis://127.0.0.1:1",
      LEASEHOLD_ROOT_KEY_KMS: "AQID",
      AWS_REGION: "eu-central-1",
      AWS_ENDPOINT_URL_KMS: `http://127.0.0.1:${(kms.address() as AddressInfo).port}`,
      AWS_ACCESS_KEY_ID: "AKIDEXAMPLE",
      AWS_SECRET_ACCESS_KEY: "secret",
    },
  });
  hangUp = () => void child.kill("SIGHUP");
  const exit = await new Promise((resolve) =>
    child.once("exit", (code, signal) => resolve({ code, signal })),
  );
  kms.close();
  expect(exit).toEqual({ code: 2, signal: null });
});
