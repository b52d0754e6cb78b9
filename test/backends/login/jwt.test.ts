import { generateKeyPairSync } from "node:crypto";
import { exportSPKI, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { jwtBackend } from "../../../src/backends/jwt/jwt-backend.ts";
import { defaultRateLimits } from "../../../src/core/access/rate-limits.ts";
import { type LoginScene, openLoginScene } from "./login-scene.ts";

type Keys = Awaited<ReturnType<typeof generateKeyPair>>;

const pkcs8 = { type: "pkcs8", format: "pem" } as const;
const spki = { type: "spki", format: "pem" } as const;

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
const sign = (
  claims: Readonly<Record<string, unknown>> = {},
  { privateKey }: Pick<Keys, "privateKey"> = keys,
  kid = "k1",
) =>
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
    ["a making that lies ahead", () => sign({ iat: nowSeconds() + 120 })],
    ["an object in place of a text", () => sign({ project: { toString: "app" } })],
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

  test("lets nobody try without end, be it not configured or asked without what it needs", async () => {
    const fresh = await openLoginScene(jwtBackend());
    for (const [peer, data] of [
      ["10.1.0.1:1", { role: "ci", jwt: "x" }],
      ["10.1.0.2:1", { role: "ci" }],
    ] as const) {
      const codes = new Set<string>();
      for (let tries = 0; tries <= defaultRateLimits.failuresPerMinute; tries++)
        codes.add((await fresh.refusal(data, { peer })).code);
      expect([...codes].at(-1)).toBe("RATE_LIMITED");
    }
    await fresh.harness.stop();
  });

  test("says that it is not configured, and that a login names no role", async () => {
    const fresh = await openLoginScene(jwtBackend());
    expect((await fresh.refusal({ role: "ci", jwt: "x" })).code).toBe("NOT_CONFIGURED");
    await fresh.harness.stop();
    expect((await scene.refusal({ jwt: await sign() })).code).toBe("LOGIN_FAILED");
    expect((await scene.refusal({ role: "ci" })).code).toBe("INVALID_FIELD");
  });
});

describe("a role of the login method jwt", () => {
  test.each([
    ["bound_claims", { project: [] }],
    ["bound_claims", { project: { a: 1 } }],
    ["clock_skew_leeway", "10m"],
    ["claim_mappings", { project: "role" }],
    ["claim_mappings", { project: "a b" }],
    ["claim_mappings", { project: "x", sub: "x" }],
  ])("takes no %s of %j", async (field, value) => {
    const role = { bound_audiences: ["leasehold"], [field]: value };
    await expect(scene.write("role/bad", role)).rejects.toMatchObject({
      code: "INVALID_FIELD",
      details: { field },
    });
  });

  test("takes any of several texts for a claim, and any item of a claim that is a list", async () => {
    await scene.write("role/many", {
      bound_audiences: ["leasehold"],
      bound_claims: { project: ["site", "app"], groups: "b|c", active: true },
    });
    const claims = { groups: ["a", "b|c"], active: true };
    expect((await scene.logIn({ role: "many", jwt: await sign(claims) })).view.policies).toEqual(["default"]);
    const other = await scene.refusal({ role: "many", jwt: await sign({ ...claims, groups: ["b"] }) });
    expect(other.reason).toContain("groups");
  });

  test("without an audience takes no token that is meant for somebody", async () => {
    await scene.write("role/any", { bound_claims: { project: "app" } });
    expect((await scene.refusal({ role: "any", jwt: await sign() })).reason).toContain("audience");
    const jwt = await sign({ aud: undefined });
    expect((await scene.logIn({ role: "any", jwt })).view.displayName).toBe("jwt-job-7");
  });
});

describe("keys in the configuration", () => {
  const writeKeys = (texts: readonly string[]) => scene.write("config", { jwt_validation_pubkeys: texts });

  test("may be several, so that an issuer can change its own", async () => {
    await writeKeys([await exportSPKI(others.publicKey), pem]);
    for (const by of [keys, others])
      expect((await scene.logIn({ role: "ci", jwt: await sign({}, by) })).token).toMatch(/^lh\./);
  });

  test.each([
    ["no PEM", "canary"],
    ["a key that cannot be read", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"],
    ["a private key", String(generateKeyPairSync("ed25519").privateKey.export(pkcs8))],
    ["a short key", String(generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey.export(spki))],
  ])("are refused where they are %s, and not shown", async (_what, text) => {
    const refusal = await writeKeys([text]).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: "INVALID_FIELD", details: { field: "jwt_validation_pubkeys" } });
    expect(String(refusal)).not.toContain(text.split("\n")[1] ?? text);
  });
});
