import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type CoreHarness, createCoreHarness, type TestServer } from "../../kit/core-harness.ts";
import { createToken } from "../tokens/token-scene.ts";

let harness: CoreHarness;
let server: TestServer;

beforeEach(async () => {
  harness = createCoreHarness();
  server = await harness.start();
  await server.mount();
});
afterEach(() => harness.stop());

const path = "scripted/creds/deploy";
const write = (by: TestServer, name: string, rules: object) =>
  by.ask("writePolicy", { name, policy: JSON.stringify({ path: rules }) });
const ask = (names: readonly string[], parameters?: { readonly ttl: string }) =>
  server.ask("testPolicy", { names, path, capability: "read", parameters });

describe("testing policies", () => {
  beforeEach(async () => {
    await write(server, "wide", { "scripted/*": { capabilities: ["list"] } });
    await write(server, "a", { "scripted/creds/+": { capabilities: ["list"] } });
    await write(server, "b", {
      "scripted/creds/+": { capabilities: ["read"], allowed_parameters: { ttl: ["1h"] } },
    });
  });

  test("tells the rule that decides, whose it is, and why", async () => {
    expect(await ask(["wide"])).toEqual({
      isAllowed: false,
      rule: { pattern: "scripted/*", policies: ["wide"] },
      why: "The rule does not allow to read.",
    });
    expect(await ask(["wide", "a", "b"])).toEqual({
      isAllowed: true,
      rule: { pattern: "scripted/creds/+", policies: ["a", "b"] },
      why: "The rule allows to read.",
    });
    expect(await ask(["b"], { ttl: "2h" })).toMatchObject({
      isAllowed: false,
      why: expect.stringContaining('the value of the parameter "ttl"'),
    });
    expect(await ask(["default"])).toEqual({
      isAllowed: false,
      rule: undefined,
      why: "No rule matches the path.",
    });
    expect(await ask(["root"])).toMatchObject({ isAllowed: true });
  });

  test("says that a policy is not there, which a slip of its name would hide", async () => {
    await expect(ask(["wide", "bb"])).rejects.toMatchObject({ code: "NO_SUCH_POLICY" });
  });
});

test("a policy that is changed on one server counts on another within a second", async () => {
  const other = await harness.start();
  await write(server, "deploy", { [path]: { capabilities: ["read"] } });
  const { token } = await createToken(server, { policies: ["deploy"] });
  const read = () => other.ask("read", { path, data: {} }, { token });
  expect((await read()).lease).toBeDefined();
  await write(server, "deploy", { [path]: { capabilities: ["deny"] } });
  await harness.clock.advance(1000);
  await expect(read()).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
  await write(server, "deploy", { [path]: { capabilities: ["read"] } });
  await harness.clock.advance(1000);
  expect((await read()).lease).toBeDefined();
});

test("a parameter that a policy denies is refused in a request, in whatever form it is given", async () => {
  await write(server, "short", {
    [path]: { capabilities: ["read"], denied_parameters: { ttl: ["5", "1h"] } },
  });
  const { token } = await createToken(server, { policies: ["short"] });
  const read = (ttl: string | number) => server.ask("read", { path, data: { ttl } }, { token });
  for (const ttl of ["5", 5, "1h"])
    await expect(read(ttl)).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
});
