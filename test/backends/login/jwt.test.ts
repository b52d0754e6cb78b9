import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, exportSPKI, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { jwtBackend } from "../../../src/backends/jwt/jwt-backend.ts";
import { type LoginScene, openLoginScene } from "./login-scene.ts";

type Keys = Awaited<ReturnType<typeof generateKeyPair>>;

let scene: LoginScene;
let keys: Keys;
let others: Keys;
let pem: string;

beforeAll(async () => {
  [keys, others] = [await generateKeyPair("ES256", { extractable: true }), await generateKeyPair("ES256")];
  pem = await exportSPKI(keys.publicKey);
});
beforeEach(async () => {
  scene = await openLoginScene(jwtBackend());
  await scene.write("config", { jwt_validation_pubkeys: [pem], bound_issuer: "https://issuer.example" });
  await scene.write("role/ci", {
    bound_audiences: ["leasehold"],
    bound_claims: { project: "app", "/kubernetes.io/namespace": "team" },
    claim_mappings: { project: "project" },
    token_policies: ["deploy"],
  });
});
afterEach(() => scene.harness.stop());

const good: JWTPayload = {
  ...{ iss: "https://issuer.example", aud: "leasehold", sub: "job-7", project: "app" },
  "kubernetes.io": { namespace: "team" },
};
const nowSeconds = () => Math.floor(Date.now() / 1000);
const sign = (claims: JWTPayload = {}, { privateKey }: Pick<Keys, "privateKey"> = keys, kid = "k1") =>
  new SignJWT({ exp: nowSeconds() + 300, ...good, ...claims })
    .setProtectedHeader({ alg: "ES256", kid })
    .sign(privateKey);

describe("the login method jwt", () => {
  test("exchanges a token that its issuer has signed for one of the role", async () => {
    await scene.write("role/k8s", {
      bound_claims: { "/kubernetes.io/namespace": "te*" },
      bound_claims_type: "glob",
      bound_audiences: ["leasehold"],
    });
    const ci = await scene.logIn({ role: "ci", jwt: await sign() });
    expect(ci.view).toMatchObject({
      policies: ["default", "deploy"],
      metadata: { role: "ci", project: "app" },
    });
    const { view } = await scene.logIn({ role: "k8s", jwt: await sign() });
    expect(view).toMatchObject({
      displayName: "jwt-job-7",
      metadata: { role: "k8s" },
      policies: ["default"],
    });
  });

  test.each<[string, () => Promise<string> | string]>([
    ["another key", () => sign({}, others)],
    ["another issuer", () => sign({ iss: "https://other.example" })],
    ["another audience", () => sign({ aud: "others" })],
    ["no audience", () => sign({ aud: [] })],
    ["another claim", () => sign({ project: "other" })],
    ["a claim that is missing", () => sign({ project: undefined })],
    ["an end that has passed", () => sign({ exp: nowSeconds() - 120 })],
    ["a beginning that lies ahead", () => sign({ nbf: nowSeconds() + 120 })],
    ["no end", () => new SignJWT(good).setProtectedHeader({ alg: "ES256" }).sign(keys.privateKey)],
    [
      "the public key as a shared secret",
      () =>
        new SignJWT({ ...good, exp: nowSeconds() + 300 })
          .setProtectedHeader({ alg: "HS256" })
          .sign(new TextEncoder().encode(pem)),
    ],
    [
      "no signature",
      () => {
        const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
        return `${part({ alg: "none" })}.${part({ ...good, exp: nowSeconds() + 300 })}.`;
      },
    ],
    ["nothing of a token", () => "x"],
    ["too much", () => `${"x".repeat(40_000)}`],
  ])("refuses a token with %s", async (what, jwt) => {
    const refusal = await scene.refusal({ role: "ci", jwt: await jwt() });
    if (what === "too much") return expect(refusal.code).toBe("INVALID_FIELD");
    const wrongRole = await scene.refusal({ role: "nobody", jwt: await sign() });
    expect({ ...refusal, reason: "" }).toEqual({ ...wrongRole, reason: "" });
    expect(refusal).toMatchObject({ code: "LOGIN_FAILED", reason: expect.stringMatching(/./) });
  });

  test.each([
    ["config", { jwks_url: "http://issuer.example/keys" }, "jwks_url"],
    ["config", { jwks_url: "https://u:p@issuer.example/keys" }, "jwks_url"],
    ["config", { jwks_file: "keys.json" }, "jwks_file"],
    ["config", {}, "jwks_url"],
    ["config", { jwks_url: "https://a.example/k", jwks_file: "/k" }, "jwks_url"],
    ["config", { jwt_validation_pubkeys: ["x"], jwt_supported_algs: ["HS256"] }, "jwt_supported_algs"],
    ["role/all", { token_policies: ["deploy"] }, "bound_claims"],
  ])("takes no %s with %j", async (path, data, field) => {
    await expect(scene.write(path, data)).rejects.toMatchObject({
      code: "INVALID_FIELD",
      details: { field },
    });
  });

  test("says that it is not configured, and that a login names no role", async () => {
    const fresh = await openLoginScene(jwtBackend());
    expect((await fresh.refusal({ role: "ci", jwt: "x" })).code).toBe("NOT_CONFIGURED");
    await fresh.harness.stop();
    expect((await scene.refusal({ jwt: await sign() })).code).toBe("LOGIN_FAILED");
    expect((await scene.refusal({ role: "ci" })).code).toBe("INVALID_FIELD");
  });
});

describe("keys at a URL", () => {
  let server: Server;
  let url: string;
  let answer: { readonly status: number; readonly body: string };
  let asked = 0;

  beforeAll(async () => {
    server = createServer((_request, response) => {
      asked += 1;
      response.statusCode = answer.status;
      response.setHeader("content-type", "application/json");
      response.end(answer.body);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
  });
  afterAll(() => new Promise((resolve) => server.close(resolve)));

  const publish = async (...published: readonly (readonly [string, Keys])[]) => {
    const set = await Promise.all(
      published.map(async ([kid, { publicKey }]) => ({ ...(await exportJWK(publicKey)), kid, alg: "ES256" })),
    );
    answer = { status: 200, body: JSON.stringify({ keys: set }) };
  };

  test("are fetched once, and kept while the URL does not answer", async () => {
    await publish(["k1", keys]);
    await scene.write("config", { jwks_url: url, bound_issuer: "https://issuer.example" });
    const login = { role: "loose", jwt: await sign() };
    await scene.write("role/loose", { bound_audiences: ["leasehold"] });
    await scene.logIn(login);
    const before = asked;
    answer = { status: 500, body: "" };
    await scene.logIn(login);
    expect(asked).toBe(before);
  });

  test("that cannot be had refuse the login", async () => {
    answer = { status: 500, body: "" };
    await scene.write("config", { jwks_url: url });
    const refusal = await scene.refusal({ role: "ci", jwt: await sign() });
    expect(refusal.code).toMatch(/LOGIN_FAILED|BACKEND_UNAVAILABLE/);
  });
});
