import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { fetchJwks, jwksBytesMax } from "../../../src/backends/jwt/fetch-jwks.ts";
import { jwtBackend } from "../../../src/backends/jwt/jwt-backend.ts";
import { makeCertificate } from "../../kit/test-certificates.ts";
import { type LoginScene, openLoginScene } from "./login-scene.ts";

type Keys = Awaited<ReturnType<typeof generateKeyPair>>;

const certificate = makeCertificate({ commonName: "127.0.0.1", ipAddresses: ["127.0.0.1"], isCa: true });
const otherCa = makeCertificate({ commonName: "other", isCa: true });

let first: Keys;
let second: Keys;
let server: Server;
let secure: Server;
let url: string;
let secureUrl: string;
let answer: (response: ServerResponse) => void;
let asked: number;
let now: number;
let scene: LoginScene;

const urlOf = (scheme: string, { address }: { readonly address: () => unknown }) =>
  `${scheme}://127.0.0.1:${(address() as AddressInfo).port}/keys`;

beforeAll(async () => {
  [first, second] = [
    await generateKeyPair("ES256", { extractable: true }),
    await generateKeyPair("ES256", { extractable: true }),
  ];
  server = createServer((_request, response) => {
    asked += 1;
    answer(response);
  });
  secure = createSecureServer({ cert: certificate.cert, key: certificate.key }, (_request, response) =>
    answer(response),
  );
  for (const each of [server, secure])
    await new Promise<void>((resolve) => each.listen(0, "127.0.0.1", resolve));
  [url, secureUrl] = [
    urlOf("http", { address: () => server.address() }),
    urlOf("https", { address: () => secure.address() }),
  ];
});
afterAll(async () => {
  for (const each of [server, secure]) {
    each.closeAllConnections();
    await new Promise((resolve) => each.close(resolve));
  }
});
beforeEach(async () => {
  asked = 0;
  now = Date.now();
  scene = await openLoginScene(jwtBackend({ nowMs: () => now }));
  await scene.write("role/ci", { bound_subject: "job-7" });
});
afterEach(() => scene.harness.stop());

async function setOf(...published: readonly (readonly [string, Keys])[]): Promise<string> {
  const set = published.map(async ([kid, { publicKey }]) => ({ ...(await exportJWK(publicKey)), kid }));
  return JSON.stringify({ keys: await Promise.all(set) });
}
async function publish(...published: readonly (readonly [string, Keys])[]): Promise<void> {
  const text = await setOf(...published);
  answer = (response) => response.end(text);
}
const fail = (response: ServerResponse) => response.writeHead(500).end();
const sign = (kid: string | undefined, { privateKey }: Keys) =>
  new SignJWT({ sub: "job-7", exp: Math.floor(now / 1000) + 60 })
    .setProtectedHeader({ alg: "ES256", ...(kid !== undefined && { kid }) })
    .sign(privateKey);
const logIn = async (kid: string | undefined, keys: Keys) =>
  (await scene.logIn({ role: "ci", jwt: await sign(kid, keys) })).view.displayName;
const refusal = async (kid: string | undefined, keys: Keys) =>
  await scene.refusal({ role: "ci", jwt: await sign(kid, keys) });

describe("keys at a URL", () => {
  test("are fetched once for all who log in at the same time, and kept for ten minutes", async () => {
    await publish(["a", first]);
    await scene.write("config", { jwks_url: url });
    asked = 0;
    await Promise.all(Array.from({ length: 5 }, () => logIn("a", first)));
    now += 599_000;
    await logIn("a", first);
    expect(asked).toBe(1);
    now += 2000;
    await logIn("a", first);
    expect(asked).toBe(2);
  });

  test("are fetched anew for a key that is not known, but not more often than every 30 s", async () => {
    await publish(["a", first]);
    await scene.write("config", { jwks_url: url });
    await logIn("a", first);
    asked = 0;
    await publish(["b", second]);
    expect((await refusal("b", second)).code).toBe("LOGIN_FAILED");
    expect(asked).toBe(0);
    now += 30_000;
    expect(await logIn("b", second)).toBe("jwt-job-7");
    expect((await refusal("a", first)).code).toBe("LOGIN_FAILED");
    expect(asked).toBe(1);
  });

  test("are used for an hour while they cannot be fetched, and not longer", async () => {
    await publish(["a", first]);
    await scene.write("config", { jwks_url: url });
    await logIn("a", first);
    answer = fail;
    now += 3_599_000;
    expect(await logIn("a", first)).toBe("jwt-job-7");
    now += 2000;
    expect((await refusal("a", first)).code).toBe("BACKEND_UNAVAILABLE");
    await publish(["a", first]);
    now += 5000;
    expect(await logIn("a", first)).toBe("jwt-job-7");
  });

  test.each<[string, (response: ServerResponse) => void, RegExp]>([
    ["a failure", fail, /status 500/],
    [
      "a redirect",
      (response) => response.writeHead(302, { location: "http://127.0.0.1:1/" }).end(),
      /status 302/,
    ],
    ["no JSON", (response) => response.end("<html>canary"), /not JSON/],
    ["something else", (response) => response.end('{"keys":{}}'), /no JWKS/],
    ["too many keys", (response) => response.end(JSON.stringify({ keys: Array(101).fill({}) })), /no JWKS/],
    ["too much", (response) => response.end(" ".repeat(jwksBytesMax + 1)), /longer than/],
    ["half of it", (response) => response.write("{", () => response.destroy()), /broke off|failed/],
  ])(
    "that come to %s are told to whoever writes the configuration, and to nobody who logs in",
    async (_what, how, why) => {
      answer = how;
      const path = "auth/jwt/config";
      const { warnings } = await scene.server.ask("write", { path, data: { jwks_url: url } });
      expect(warnings.join()).toMatch(why);
      const { code, message, reason } = await refusal("a", first);
      expect(code).toBe("BACKEND_UNAVAILABLE");
      expect(reason).toMatch(why);
      expect(message).not.toMatch(why);
      expect(warnings.join() + reason).not.toContain("canary");
    },
  );

  test("that never come are waited for only so long", async () => {
    answer = () => {};
    await expect(fetchJwks(url, { caPem: "", timeoutMs: 50 })).rejects.toThrow("within 50 ms");
  });

  test("of which several fit are tried in turn for a token that names none", async () => {
    await publish(["a", first], ["b", second]);
    await scene.write("config", { jwks_url: url });
    for (const keys of [first, second]) expect(await logIn(undefined, keys)).toBe("jwt-job-7");
    const third = await generateKeyPair("ES256");
    expect((await refusal(undefined, third)).code).toBe("LOGIN_FAILED");
  });

  test("are believed over https by the CA that is given, and by no other", async () => {
    await publish(["a", first]);
    await scene.write("config", { jwks_url: secureUrl, jwks_ca_pem: certificate.cert });
    expect(await logIn("a", first)).toBe("jwt-job-7");
    for (const ca of [{ jwks_ca_pem: otherCa.cert }, {}]) {
      await scene.write("config", { jwks_url: secureUrl, ...ca });
      expect((await refusal("a", first)).code).toBe("BACKEND_UNAVAILABLE");
    }
  });

  test.each([
    ["no PEM", () => ({ jwks_ca_pem: "x" })],
    ["a CA for plain http", () => ({ jwks_ca_pem: certificate.cert, jwks_url: "http://127.0.0.1:1/" })],
  ])("are not believed by %s", async (_what, given) => {
    const config = { jwks_url: secureUrl, ...given() };
    await expect(scene.write("config", config)).rejects.toMatchObject({
      code: "INVALID_FIELD",
      details: { field: "jwks_ca_pem" },
    });
  });
});

describe("keys in a file", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "leasehold-jwks-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test("are read, and read again a minute later", async () => {
    const file = join(folder, "keys.json");
    writeFileSync(file, await setOf(["a", first]));
    await scene.write("config", { jwks_file: file });
    expect(await logIn("a", first)).toBe("jwt-job-7");
    writeFileSync(file, await setOf(["b", second]));
    now += 60_000;
    expect(await logIn("b", second)).toBe("jwt-job-7");
  });

  test.each<[string, (file: string) => void, RegExp]>([
    ["that is not there", () => {}, /not there/],
    ["that is too long", (file) => writeFileSync(file, " ".repeat(jwksBytesMax + 1)), /longer than/],
    ["that is no key set", (file) => writeFileSync(file, "canary"), /not JSON/],
  ])("%s let nobody log in, and show nothing of it", async (_what, make, why) => {
    const file = join(folder, "keys.json");
    make(file);
    await scene.write("config", { jwks_file: file });
    const { code, reason } = await refusal("a", first);
    expect(code).toBe("BACKEND_UNAVAILABLE");
    expect(reason).toMatch(why);
    expect(reason).not.toContain("canary");
  });
});
