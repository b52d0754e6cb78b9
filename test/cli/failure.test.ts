import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SecretService } from "../../gen/leasehold/v1/secrets_pb.ts";
import { FakeServer, Refusal } from "./fake-server.ts";
import { run } from "./run.ts";

describe("a call that the server", () => {
  let server: FakeServer;
  beforeAll(async () => {
    server = await new FakeServer()
      .on(SecretService.method.read, ({ path }) => {
        if (path === "token")
          throw new Refusal("who are you", { code: status.UNAUTHENTICATED, reason: "UNAUTHENTICATED" });
        if (path === "forbidden")
          throw new Refusal('you may not read "forbidden"', {
            code: status.PERMISSION_DENIED,
            reason: "PERMISSION_DENIED",
          });
        if (path === "down")
          throw new Refusal("Redis cannot be reached", {
            code: status.UNAVAILABLE,
            reason: "STORAGE_UNAVAILABLE",
          });
        if (path === "plain") throw new Refusal("no detail 100% /x", { code: status.INTERNAL });
        if (path === "silent") throw new Refusal("", { code: status.NOT_FOUND, reason: "NO_SUCH_ROLE" });
        return {};
      })
      .start();
  });
  afterAll(() => server.stop());

  const read = (path: string, ...flags: string[]) =>
    run(["read", path, ...flags], { env: { LEASEHOLD_ADDR: server.address } });

  test.each([
    [
      "wants a token for tells to set one",
      "token",
      [],
      "the server wants a token, and none is set. Set LEASEHOLD_TOKEN, or give --token.",
    ],
    [
      "refuses the token of tells to set another",
      "token",
      ["--token", "old"],
      "the server does not know this token. Set LEASEHOLD_TOKEN, or give --token with one that is valid.",
    ],
    ["forbids shows its message", "forbidden", [], 'you may not read "forbidden"'],
    [
      "cannot answer, its storage being away, is not taken for a server that is down",
      "down",
      [],
      "Redis cannot be reached",
    ],
    ["fails without a detail shows its message", "plain", [], "no detail 100% /x"],
    ["refuses without a word shows the code", "silent", [], "not_found"],
  ])("%s", async (_, path, flags, message) => {
    expect(await read(path, ...flags)).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: `Error reading ${path}: ${message}\n`,
    });
  });

  test("does not know is reported with the name of the RPC", async () => {
    const ran = await run(["list", "secret/"], { env: { LEASEHOLD_ADDR: server.address } });
    expect(ran.stderr).toBe(
      `Error listing secret/: the server at ${server.address} does not know leasehold.v1.SecretService/List. Is it a leasehold server of this version?\n`,
    );
  });

  test("drops half-way is reported as lost, not as unreachable", async () => {
    const dying = new FakeServer();
    await dying
      .on(SecretService.method.read, () => {
        dying.stop();
        return new Promise(() => {});
      })
      .start();
    const ran = await run(["read", "secret/x"], { env: { LEASEHOLD_ADDR: dying.address } });
    expect(ran.exitCode).toBe(1);
    expect(ran.stderr).toMatch(
      /^Error reading secret\/x: the connection to http:\S+ was lost \(.+\); it may have been done\.\n$/,
    );
  });
});
