import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { SecretService } from "../../gen/leasehold/v1/secrets_pb.ts";
import { FakeServer, Refusal } from "./fake-server.ts";
import { type Ran, run } from "./run.ts";

const leaseId = "aws/creds/deploy/0d042c53-aa8a-4ce7-9dfd-310351c465e5";
const lease = {
  id: leaseId,
  ttl: { seconds: 3599n, nanos: 980_000_000 },
  renewable: true,
  issuedAt: { seconds: 1_786_000_000n },
  expiresAt: { seconds: 1_786_003_600n },
  maxExpiresAt: { seconds: 1_786_086_400n },
};
const credentials = {
  access_key: "AKIAJFN42DVCQWDHQYHQ",
  secret_key: "lkWB2CfULm9P+AqLtylnu988iPJ3vk7R2nIpY4dz",
};

let server: FakeServer;

beforeAll(async () => {
  server = await new FakeServer()
    .on(SecretService.method.read, ({ path }) => {
      if (path === "aws/creds/deploy")
        return { data: credentials, lease, warnings: ["the TTL was cut to 1h"] };
      if (path === "secret/odd")
        return { data: { text: "a\nb\u001b]0;title\u0007\u009b", nested: { a: [1, "x"] }, none: null } };
      if (path === "secret/long") return { data: { a_rather_long_key: "v", b: "w" } };
      if (path === "aws/config/root") {
        throw new Refusal('unsupported operation: "aws/config/root" has no read; it has: write', {
          code: status.UNIMPLEMENTED,
          reason: "UNSUPPORTED_OPERATION",
          facts: { path: "aws/config/root" },
        });
      }
      return { data: { value: "world" } };
    })
    .on(SecretService.method.list, ({ path }) => ({ keys: path === "secret/" ? ["a", "folder/"] : [] }))
    .on(SecretService.method.delete, () => ({}))
    .start();
});
afterAll(() => server.stop());
beforeEach(() => {
  server.calls.length = 0;
});

function leasehold(argv: string[]): Promise<Ran> {
  return run(argv, { env: { LEASEHOLD_ADDR: server.address } });
}

describe("read", () => {
  test("prints the lease and the credential in the order and the width of the walkthrough", async () => {
    const ran = await leasehold(["read", "aws/creds/deploy"]);
    expect(ran.stdout).toBe(
      [
        "Key         Value",
        `lease_id    ${leaseId}`,
        "lease_ttl   1h",
        "renewable   true",
        "expires_at  2026-08-06T08:06:40Z",
        "access_key  AKIAJFN42DVCQWDHQYHQ",
        "secret_key  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",
        "",
      ].join("\n"),
    );
    expect(ran.stderr).toBe("Warning: the TTL was cut to 1h\n");
    expect(ran.exitCode).toBe(0);
  });

  test("prints one JSON document, warnings included, where JSON is asked for", async () => {
    const ran = await leasehold(["--format", "json", "read", "aws/creds/deploy"]);
    expect(ran.stderr).toBe("");
    expect(JSON.parse(ran.stdout)).toEqual({
      lease_id: leaseId,
      lease_duration: 3600,
      renewable: true,
      issued_at: "2026-08-06T07:06:40.000Z",
      expires_at: "2026-08-06T08:06:40.000Z",
      max_expires_at: "2026-08-07T07:06:40.000Z",
      data: credentials,
      warnings: ["the TTL was cut to 1h"],
    });
  });

  test("passes fields on as parameters", async () => {
    await leasehold(["read", "aws/creds/deploy", "ttl=15m"]);
    expect(server.calls[0]?.request).toMatchObject({ parameters: { ttl: "15m" } });
  });

  test("prints the data alone where nothing was leased", async () => {
    expect((await leasehold(["read", "secret/hello"])).stdout).toBe("Key    Value\nvalue  world\n");
  });

  test("widens the first column for a longer key", async () => {
    expect((await leasehold(["read", "secret/long"])).stdout).toBe(
      "Key                Value\na_rather_long_key  v\nb                  w\n",
    );
  });

  test("escapes control characters and shows nested values as compact JSON", async () => {
    expect((await leasehold(["read", "secret/odd"])).stdout).toBe(
      'Key     Value\ntext    a\\nb\\u001b]0;title\\u0007\\u009b\nnested  {"a":[1,"x"]}\nnone    null\n',
    );
  });

  test("keeps every character in JSON, and none of them raw", async () => {
    const { stdout } = await leasehold(["read", "secret/odd", "--format=json"]);
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
    expect(JSON.parse(stdout).data.text).toBe("a\nb\u001b]0;title\u0007\u009b");
    expect(JSON.parse(stdout).lease_id).toBeNull();
  });

  test("shows the RPC, the code and the reason of an unsupported operation", async () => {
    expect(await leasehold(["read", "aws/config/root"])).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: [
        "Error reading aws/config/root: unsupported operation",
        "  rpc     leasehold.v1.SecretService/Read",
        "  code    unimplemented",
        "  reason  UNSUPPORTED_OPERATION",
        '  detail  unsupported operation: "aws/config/root" has no read; it has: write',
        "",
      ].join("\n"),
    });
  });

  test("shows an error as a JSON object on stderr where JSON is asked for", async () => {
    const ran = await leasehold(["read", "aws/config/root", "--format", "json"]);
    expect(ran.stdout).toBe("");
    expect(JSON.parse(ran.stderr)).toEqual({
      error: {
        code: "unimplemented",
        reason: "UNSUPPORTED_OPERATION",
        message: 'unsupported operation: "aws/config/root" has no read; it has: write',
        metadata: { path: "aws/config/root" },
      },
    });
  });

  test("sends an idempotency key where one is given, and refuses an empty one", async () => {
    await leasehold(["read", "aws/creds/deploy", "ttl=15m", "--idempotency-key", "deploy 42"]);
    expect(server.calls[0]?.request).toMatchObject({
      path: "aws/creds/deploy",
      parameters: { ttl: "15m" },
      idempotencyKey: "deploy 42",
    });
    expect(await leasehold(["read", "aws/creds/deploy", "--idempotency-key="])).toEqual({
      exitCode: 2,
      stdout: "",
      stderr: "Error: --idempotency-key is empty.\n",
    });
    expect(server.calls).toHaveLength(1);
  });
});

describe("list", () => {
  test("prints the names under a header", async () => {
    expect((await leasehold(["list", "secret/"])).stdout).toBe("Keys\n----\na\nfolder/\n");
  });

  test("says on stderr that there are none", async () => {
    expect(await leasehold(["list", "secret/none/"])).toEqual({
      exitCode: 0,
      stdout: "",
      stderr: "No keys under secret/none/\n",
    });
    expect(await leasehold(["list", "secret/none/", "--format=json"])).toEqual({
      exitCode: 0,
      stdout: "[]\n",
      stderr: "",
    });
  });
});

describe("delete", () => {
  test("says what is gone", async () => {
    expect(await leasehold(["delete", "secret/hello"])).toEqual({
      exitCode: 0,
      stdout: "Success! Data deleted (if it existed) at: secret/hello\n",
      stderr: "",
    });
    expect(server.calls[0]).toMatchObject({
      rpc: "leasehold.v1.SecretService/Delete",
      request: { path: "secret/hello" },
    });
  });
});
