import { once } from "node:events";
import { createServer } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { findLoopbackPort } from "../../../src/dev/redis/loopback-port.ts";

describe("findLoopbackPort()", () => {
  test("gives a port that can be listened on, outside those of outgoing connections", async () => {
    const port = await findLoopbackPort();
    expect(port).toBeGreaterThanOrEqual(20_000);
    expect(port).toBeLessThan(32_000);
    const server = createServer().listen(port, "127.0.0.1");
    onTestFinished(() => void server.close());
    await once(server, "listening");
  });
});
