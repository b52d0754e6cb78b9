import { fileURLToPath } from "node:url";
import { beforeAll, expect, it } from "vitest";
import { runCommand } from "../../src/dev/process/run-command.ts";
import { testRedisExecutable } from "../kit/redis-server.ts";
import { toolEnv } from "./tool-env.ts";

beforeAll(testRedisExecutable, 180_000);

const demo = fileURLToPath(new URL("../../src/dev/demo/main.ts", import.meta.url));
const timeoutMs = 120_000;

it("the demo does everything that it says", { timeout: timeoutMs + 5000 }, async () => {
  const { code, stdout, stderr } = await runCommand({
    command: process.execPath,
    args: [demo],
    env: toolEnv,
    timeoutMs,
  });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).not.toContain("✗");
  expect(stdout).toMatch(/✓ the key is denied \d+\.\d s after it was issued/);
  expect(stdout).toMatch(/\nEvery step did what it says\.\n$/);
});
