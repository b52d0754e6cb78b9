import { Code, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Capability, PolicyService } from "../../gen/leasehold/v1/policies_pb.ts";
import { type RunningServers, runServers } from "./running-servers.ts";

let running: RunningServers;
beforeAll(async () => {
  running = await runServers();
});
afterAll(() => running.servers.close());

const policies = (protocol: string) =>
  createClient(
    PolicyService,
    protocol === "gRPC"
      ? createGrpcTransport({ baseUrl: running.grpcUrl })
      : createConnectTransport({ baseUrl: running.httpUrl, httpVersion: "1.1", useBinaryFormat: false }),
  );

describe.each(["gRPC", "Connect with JSON"])("policies over %s", (protocol) => {
  test("are written, read, listed and deleted", async () => {
    const { answers, asked } = running.fake;
    answers.writePolicy = () => ({});
    answers.readPolicy = () => ({ policy: '{"path":{}}' });
    answers.listPolicies = () => ({ names: ["default", "root"] });
    answers.deletePolicy = () => ({});
    const client = policies(protocol);
    await client.write({ name: "a", policy: "{}" });
    expect(asked.at(-1)).toMatchObject({ operation: "writePolicy", input: { name: "a", policy: "{}" } });
    expect(await client.read({ name: "a" })).toMatchObject({ name: "a", policy: '{"path":{}}' });
    expect((await client.list({})).names).toEqual(["default", "root"]);
    await client.delete({ name: "a" });
    expect(asked.at(-1)).toMatchObject({ operation: "deletePolicy", input: { name: "a" } });
  });

  test.each([
    ["create", Capability.CREATE],
    ["read", Capability.READ],
    ["update", Capability.UPDATE],
    ["patch", Capability.PATCH],
    ["delete", Capability.DELETE],
    ["list", Capability.LIST],
    ["sudo", Capability.SUDO],
  ] as const)("are tested for %s", async (name, capability) => {
    running.fake.answers.testPolicy = () => ({
      isAllowed: true,
      rule: { pattern: "kv/*", policies: ["a"] },
      why: "So it is.",
    });
    const request = { names: ["a", "b"], path: "kv/a", capability, parameters: { ttl: 5 } };
    expect(await policies(protocol).test(request)).toMatchObject({
      ...{ allowed: true, rule: "kv/*", policies: ["a"], reason: "So it is." },
    });
    expect(running.fake.asked.at(-1)?.input).toEqual({ ...request, capability: name });
  });

  test("have no rule to show where none matches", async () => {
    running.fake.answers.testPolicy = () => ({ isAllowed: false, rule: undefined, why: "None." });
    const request = { names: ["a"], path: "kv/a", capability: Capability.READ };
    expect(await policies(protocol).test(request)).toMatchObject({ allowed: false, rule: "", policies: [] });
    expect(running.fake.asked.at(-1)?.input).toMatchObject({ parameters: undefined });
  });

  test.each([
    ["without a policy", { names: [], path: "a", capability: Capability.READ }],
    ["of too many policies", { names: Array(65).fill("a"), path: "a", capability: Capability.READ }],
    ["without a path", { names: ["a"], path: "", capability: Capability.READ }],
    ["without a capability", { names: ["a"], path: "a" }],
    ["with a capability that there is not", { names: ["a"], path: "a", capability: 99 as Capability }],
  ])("refuse a test %s", async (_what, request) => {
    await expect(policies(protocol).test(request)).rejects.toMatchObject({ code: Code.InvalidArgument });
  });
});
