import { X509Certificate } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { certBackend } from "../../../src/backends/cert/cert-backend.ts";
import { fitsGlob } from "../../../src/core/login/login-role.ts";
import type { PeerCertificate } from "../../../src/core/path.ts";
import { makeCertificate, type TestCertificate } from "../../kit/test-certificates.ts";
import { type LoginScene, openLoginScene } from "./login-scene.ts";

const ca = makeCertificate({ commonName: "test CA", isCa: true });
const otherCa = makeCertificate({ commonName: "test CA", isCa: true });
const names = { dnsNames: ["ci.example.com"], uris: ["spiffe://example.com/ci/build"] };
const workload = makeCertificate({ commonName: "ci", issuer: ca, ...names });

/** What the listener tells of a certificate that was shown. */
function shown({ cert, subject }: TestCertificate, changes: Partial<PeerCertificate> = {}) {
  const { raw, fingerprint256, validTo } = new X509Certificate(cert);
  const fingerprint = fingerprint256.replaceAll(":", "").toLowerCase();
  const peerCertificate: PeerCertificate = {
    ...{ raw: new Uint8Array(raw), fingerprint, commonName: subject, notAfterMs: Date.parse(validTo) },
    ...names,
    ...changes,
  };
  return { peerCertificate };
}

let scene: LoginScene;
beforeEach(async () => {
  scene = await openLoginScene(certBackend());
  await scene.write("certs/ci", {
    certificate: ca.cert,
    allowed_uri_sans: ["spiffe://example.com/ci/*"],
    token_policies: ["deploy"],
  });
});
afterEach(() => scene.harness.stop());

describe("the login method cert", () => {
  test("exchanges a certificate that fits a role for a token of it", async () => {
    for (const data of [{ name: "ci" }, {}]) {
      const { view } = await scene.logIn(data, shown(workload));
      expect(view).toMatchObject({
        displayName: "cert-ci",
        policies: ["default", "deploy"],
        metadata: { cert_name: "ci", common_name: "ci", uri: "spiffe://example.com/ci/build" },
      });
    }
  });

  test("believes the very certificate that a role holds, and no other", async () => {
    await scene.write("certs/pinned", { certificate: workload.cert });
    const again = makeCertificate({ commonName: "ci", issuer: ca, ...names });
    expect((await scene.logIn({ name: "pinned" }, shown(workload))).view.displayName).toBe("cert-pinned");
    expect((await scene.refusal({ name: "pinned" }, shown(again))).code).toBe("LOGIN_FAILED");
  });

  test("gives no token that outlives the certificate", async () => {
    const notAfter = new Date(Date.now() + 30_000);
    const short = makeCertificate({ commonName: "ci", issuer: ca, ...names, notAfter });
    await scene.write("certs/long", {
      ...{ certificate: ca.cert, allowed_common_names: "ci" },
      ...{ token_ttl: "4m", token_max_ttl: "5m" },
    });
    const { view } = await scene.logIn({ name: "long" }, shown(short));
    expect(view.lease?.ttlMs).toBeLessThanOrEqual(30_000);
    expect(view.lease?.ttlMs).toBeGreaterThan(20_000);
  });

  test("takes DNS names in either case, and URIs as they are", async () => {
    await scene.write("certs/dns", { certificate: ca.cert, allowed_dns_sans: "*.Example.com" });
    const login = { name: "dns" };
    expect((await scene.logIn(login, shown(workload, { dnsNames: ["CI.example.COM"] }))).token).toMatch(
      /^lh/,
    );
    const uris = ["spiffe://EXAMPLE.com/ci/build"];
    expect((await scene.refusal({ name: "ci" }, shown(workload, { uris }))).code).toBe("LOGIN_FAILED");
  });

  test("takes a certificate for clients, and none that is for servers alone", async () => {
    const [serverUse, clientUse] = ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"];
    const used = (...extendedKeyUses: readonly string[]) =>
      shown(makeCertificate({ commonName: "ci", issuer: ca, ...names, extendedKeyUses }));
    expect((await scene.logIn({}, used(serverUse, clientUse))).view.displayName).toBe("cert-ci");
    expect((await scene.refusal({}, used(serverUse))).code).toBe("LOGIN_FAILED");
  });

  test.each([
    ["none", {}],
    [
      "one of another CA with the same name",
      shown(makeCertificate({ commonName: "ci", issuer: otherCa, ...names })),
    ],
    ["one without the name", shown(workload, { uris: [] })],
    ["one with another name", shown(workload, { uris: ["spiffe://example.com/other"] })],
    [
      "one that has expired",
      shown(
        makeCertificate({ commonName: "ci", issuer: ca, ...names, notAfter: new Date(Date.now() - 1000) }),
      ),
    ],
  ])("refuses %s", async (_what, context) => {
    const refusal = await scene.refusal({ name: "ci" }, context);
    const wrongRole = await scene.refusal({ name: "nobody" }, shown(workload));
    expect({ ...refusal, reason: "" }).toEqual({ ...wrongRole, reason: "" });
    expect(refusal.code).toBe("LOGIN_FAILED");
  });

  test.each([
    [{ certificate: "x" }, "certificate"],
    [{ certificate: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----" }, "certificate"],
    [{ certificate: ca.cert }, "allowed_uri_sans"],
    [{}, "certificate"],
  ])("takes no role with %j", async (fields, field) => {
    await expect(scene.write("certs/new", fields)).rejects.toMatchObject({
      code: "INVALID_FIELD",
      details: { field },
    });
  });
});

test.each([
  ["abc", "abc", true],
  ["abc", "ab", false],
  ["abc", "*", true],
  ["abc", "a*c", true],
  ["ac", "a*c", true],
  ["abc", "a*b", false],
  ["a.b.c", "a*b*c", true],
  ["aXc", "a*X*X*c", false],
  ["aa", "aa*a", false],
  ["", "*", true],
])("whether %j fits %j is %s", (text, pattern, isFit) => {
  expect(fitsGlob(text, pattern)).toBe(isFit);
});
