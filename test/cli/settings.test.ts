import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { SecretService } from "../../gen/leasehold/v1/secrets_pb.ts";
import { FakeServer } from "./fake-server.ts";
import { run } from "./run.ts";

const readX = ["read", "secret/x"];

describe("settings", () => {
  let server: FakeServer;
  beforeAll(async () => {
    server = await new FakeServer()
      .on(SecretService.method.read, () => ({ data: { value: "world" } }))
      .start();
  });
  afterAll(() => server.stop());
  afterEach(() => {
    server.calls.length = 0;
  });

  test("given as flags win over the environment", async () => {
    const env = {
      LEASEHOLD_ADDR: "http://127.0.0.1:1",
      LEASEHOLD_TOKEN: "environment",
      LEASEHOLD_FORMAT: "json",
    };
    const ran = await run(["--address", server.address, ...readX, "--token", "flag", "--format", "table"], {
      env,
    });
    expect(ran).toEqual({ exitCode: 0, stdout: "Key    Value\nvalue  world\n", stderr: "" });
    expect(server.calls[0]?.authorization).toBe("Bearer flag");
  });

  test("come from the environment, where an empty variable counts as unset", async () => {
    const env = {
      LEASEHOLD_ADDR: server.address,
      LEASEHOLD_TOKEN: "",
      LEASEHOLD_CACERT: "",
      LEASEHOLD_FORMAT: "json",
    };
    const ran = await run(readX, { env });
    expect(JSON.parse(ran.stdout)).toMatchObject({ data: { value: "world" } });
    expect(server.calls[0]?.authorization).toBeUndefined();
  });

  test("with a format that does not exist are refused by the name of the variable", async () => {
    const ran = await run(readX, { env: { LEASEHOLD_ADDR: server.address, LEASEHOLD_FORMAT: "yaml" } });
    expect(ran).toEqual({
      exitCode: 2,
      stdout: "",
      stderr: 'Error: LEASEHOLD_FORMAT is "yaml"; it must be "table" or "json".\n',
    });
  });

  test.each(["two words", "line\nbreak", "ünicode", ""])(
    "with the token %j are refused, and the token is not shown",
    async (token) => {
      const ran = await run([...readX, "--address", server.address, `--token=${token}`]);
      expect(ran).toEqual({
        exitCode: 2,
        stdout: "",
        stderr: "Error: --token is empty, or holds characters that a token cannot have.\n",
      });
      expect(server.calls).toEqual([]);
    },
  );

  test("do not send a token through a proxy of the environment", async () => {
    process.env["http_proxy"] = "http://127.0.0.1:1";
    try {
      expect((await run(readX, { env: { LEASEHOLD_ADDR: server.address } })).exitCode).toBe(0);
    } finally {
      delete process.env["http_proxy"];
    }
  });
});
