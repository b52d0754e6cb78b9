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
