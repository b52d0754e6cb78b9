import type { JsonObject } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Deployment, deploy } from "../kit/deployment.ts";
import { testRedisExecutable } from "../kit/redis-server.ts";
import { badCalls } from "./bad-calls.ts";
import { callsOver } from "./calls-over.ts";
import { refusalOf } from "./refusal.ts";

beforeAll(testRedisExecutable, 180_000);

const timeout = 30_000;

let deployment: Deployment;

beforeAll(async () => {
  deployment = await deploy();
  await deployment.mountAws();
  await deployment.writeRole();
  await deployment.server.mounts.mount({ type: "aws", path: "bare" });
  await deployment.server.mounts.mount({ type: "aws", path: "team/aws" });
  await deployment.server.mounts.mount({ type: "kv" });
});

afterAll(() => deployment?.stop());

/** Everything that Redis holds. */
async function stored({ redisConnection }: Deployment): Promise<Readonly<Record<string, string>>> {
  // How many values were sealed is noted whatever is asked for.
  const keys = (await redisConnection.keys("*")).filter((key) => key !== "lh:meta").sort();
  const values = await Promise.all(keys.map((key) => redisConnection.dumpBuffer(key)));
  return Object.fromEntries(keys.map((key, at) => [key, values[at]?.toString("base64") ?? ""]));
}

function openTransport(protocol: "gRPC" | "JSON over HTTP"): {
  readonly transport: Transport;
  close(): void;
} {
  const { grpcUrl, httpUrl } = deployment.server;
  if (protocol === "JSON over HTTP") {
    const transport = createConnectTransport({
      baseUrl: httpUrl,
      httpVersion: "1.1",
      useBinaryFormat: false,
    });
    return { transport, close: () => {} };
  }
  const sessionManager = new Http2SessionManager(grpcUrl);
  return {
    transport: createGrpcTransport({ baseUrl: grpcUrl, sessionManager }),
    close: () => sessionManager.abort(),
  };
}

describe.each(["gRPC", "JSON over HTTP"] as const)("over %s", (protocol) => {
  it("bad input is refused with one reason and a sentence, and nothing of it is stored", {
    timeout,
  }, async () => {
    const { transport, close } = openTransport(protocol);
    const calls = callsOver(transport, `Bearer ${deployment.rootToken}`);
    const before = await stored(deployment);
    for (const [name, call, status, message] of badCalls) {
      const refusal = await refusalOf(call(calls)).catch((error: unknown) => {
        throw new Error(`${name} is accepted.`, { cause: error });
      });
      expect.soft({ name, status: `${refusal.code} ${refusal.reason}`, message: refusal.message }).toEqual({
        name,
        status,
        message: expect.stringMatching(message),
      });
    }
    expect(await stored(deployment)).toEqual(before);
    expect(deployment.aliveUsers()).toEqual([]);
    close();
  });

  it("a call without the right token is Unauthenticated, whatever it asks for", { timeout }, async () => {
    const { transport, close } = openTransport(protocol);
    const { rootToken } = deployment;
    const before = await stored(deployment);
    const tokens = [
      undefined,
      "",
      rootToken,
      "Bearer",
      "Bearer ",
      `Basic ${rootToken}`,
      `Bearer ${rootToken} twice`,
      `Bearer ${rootToken}x`,
      `Bearer ${rootToken.slice(0, -1)}`,
      "Bearer lh.some-other-token-of-this-length-000",
    ];
    for (const authorization of tokens) {
      const calls = callsOver(transport, authorization);
      const asked = [
        calls.read("aws/creds/deploy"),
        calls.write("kv/x", { value: "y" }),
        calls.mount("kv", "new"),
        calls.unmount("kv"),
        calls.help("nothing/here"),
        calls.listLeases(10),
        calls.revokePrefix("aws"),
      ];
      for (const refusal of await Promise.all(asked.map(refusalOf))) {
        expect({ authorization, ...refusal }).toMatchObject({
          code: "Unauthenticated",
          reason: "UNAUTHENTICATED",
          message: expect.stringMatching(/token/),
        });
        expect(refusal.message).not.toContain(rootToken);
      }
    }
    expect(await stored(deployment)).toEqual(before);
    close();
  });
});

it("JSON that is no request is refused with one reason, and nothing of it is stored", {
  timeout,
}, async () => {
  const { server, rootToken } = deployment;
  const before = await stored(deployment);
  const post = async (rpc: string, body: string, contentType = "application/json") => {
    const reply = await fetch(`${server.httpUrl}/leasehold.v1.${rpc}`, {
      method: "POST",
      body,
      headers: { authorization: `Bearer ${rootToken}`, "content-type": contentType },
    });
    const { code, details } = JSON.parse(await reply.text());
    return { status: reply.status, code, reasons: details.map((detail: JsonObject) => detail["type"]) };
  };
  const reasons = ["leasehold.v1.ErrorDetail"];
  const invalid = { status: 400, code: "invalid_argument", reasons };
  expect(await post("SecretService/Write", '{"path":"kv/x","dta":{"a":1}}')).toEqual(invalid);
  expect(await post("SecretService/Write", '{"path":"kv/x","data":[1]}')).toEqual(invalid);
  expect(await post("SecretService/Write", '{"path":"kv/x"')).toEqual(invalid);
  expect(await post("SecretService/Write", "\xff\xfe")).toEqual(invalid);
  expect(await post("SecretService/Write", '{"path":7}')).toEqual(invalid);
  expect(await post("MountService/Mount", '{"type":"kv","path":"a\\ud800b"}')).toMatchObject({ reasons });
  expect(await post("SecretService/Write", "{}", "text/plain")).toMatchObject({ status: 415, reasons });
  expect(await post("SecretService/Steal", "{}")).toMatchObject({ status: 404, reasons });
  expect(await stored(deployment)).toEqual(before);
});
