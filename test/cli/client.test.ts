import { createServer } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { LeaseService } from "../../gen/leasehold/v1/leases_pb.ts";
import { SecretService } from "../../gen/leasehold/v1/secrets_pb.ts";
import { Session } from "../../src/cli/client.ts";
import { readSettings } from "../../src/cli/settings.ts";
import { FakeServer } from "./fake-server.ts";

const settingsFor = (address: string) => readSettings({ address }, { env: {}, cwd: "/" });

describe("call()", () => {
  const cleanups: (() => void)[] = [];
  afterEach(() => {
    for (const cleanup of cleanups.splice(0)) cleanup();
  });

  test("gives up on a host that accepts and never answers, long before the deadline", async () => {
    const silent = createServer((socket) => cleanups.push(() => socket.destroy()));
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    cleanups.push(() => silent.close());
    const address = silent.address();
    const port = typeof address === "object" ? address?.port : 0;
    const session = new Session(settingsFor(`http://127.0.0.1:${port}`), { connectTimeoutMs: 50 });
    cleanups.push(() => session.close());

    await expect(
      session.call(SecretService.method.read, { path: "x" }, { doing: "reading x" }),
    ).rejects.toMatchObject({
      facts: { code: "unavailable" },
      message: expect.stringContaining(
        `cannot reach the server at http://127.0.0.1:${port} (no answer within 0.05 s).`,
      ),
    });
    const stream = session.stream(
      LeaseService.method.watch,
      {},
      { doing: "watching", signal: new AbortController().signal, onOpen: () => {} },
    );
    await expect(stream.next()).rejects.toMatchObject({
      facts: { code: "unavailable", doing: "watching" },
      message: expect.stringContaining("(no answer within 0.05 s)."),
    });
  });

  test("ends at its deadline, and says that the outcome is not known", async () => {
    const server = await new FakeServer().on(SecretService.method.read, () => new Promise(() => {})).start();
    cleanups.push(() => server.stop());
    const session = new Session(settingsFor(server.address));
    cleanups.push(() => session.close());

    await expect(
      session.call(SecretService.method.read, { path: "x" }, { doing: "reading x", timeoutMs: 200 }),
    ).rejects.toMatchObject({
      facts: { code: "deadline_exceeded", reason: undefined },
      message: `no answer from ${server.address} within 0.2 s; it may still be done.`,
    });
  });

  test("reaches an IPv6 address", async () => {
    expect(settingsFor("http://[::1]:8210").target).toBe("dns:[::1]:8210");
    expect(settingsFor("https://leasehold.example").target).toBe("dns:leasehold.example:443");
  });
});
