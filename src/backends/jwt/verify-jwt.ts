import { readFile } from "node:fs/promises";
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  importSPKI,
  type JSONWebKeySet,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from "jose";
import { invalidField } from "../../core/field.ts";
import type { JsonObject } from "../../core/json.ts";
import { storedTexts } from "../../core/login/login-role.ts";

/** Algorithms with a public key. None with a shared secret: the key that checks a token must not be able to make one. */
export const jwtAlgorithms = [
  ...["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
  ...["ES256", "ES384", "ES512", "EdDSA"],
];

const fetchMsMax = 5000;
/** A key that is not known is looked for at the issuer again after this time, in milliseconds, and not before. */
const coolDownMs = 30_000;
const jwtCharactersMax = 32 * 1024;

/** Checks who signed a token and whether it is good now. Rejects with the reason, which is for the log. */
export type VerifyJwt = (
  jwt: string,
  expected: { readonly audiences: readonly string[]; readonly leewaySeconds: number },
) => Promise<JWTPayload>;

/** The keys of a configuration. Those of a URL are kept, and asked for again where one is not known. */
function keysOf(config: JsonObject): JWTVerifyGetKey {
  const { jwks_url: url, jwks_file: file } = config;
  if (typeof url === "string" && url !== "")
    return createRemoteJWKSet(new URL(url), { timeoutDuration: fetchMsMax, cooldownDuration: coolDownMs });
  if (typeof file === "string" && file !== "") {
    // Read each time: whoever puts another file there means it.
    return async (...given) => {
      const set: JSONWebKeySet = JSON.parse(await readFile(file, "utf8"));
      return await createLocalJWKSet(set)(...given);
    };
  }
  const pems = storedTexts(config.jwt_validation_pubkeys);
  return async ({ alg = "" }) => {
    const [pem] = pems;
    if (pem === undefined) throw new Error("There are no keys.");
    return await importSPKI(pem, alg);
  };
}

/** Makes what verifies tokens by a stored configuration. */
export function createJwtVerifier(config: JsonObject): VerifyJwt {
  const keys = keysOf(config);
  const issuer = typeof config.bound_issuer === "string" ? config.bound_issuer : "";
  const given = storedTexts(config.jwt_supported_algs);
  const algorithms = given.length > 0 ? [...given] : jwtAlgorithms;
  return async (jwt, { audiences, leewaySeconds }) => {
    if (jwt.length > jwtCharactersMax) throw new Error("The token is too long.");
    const { payload } = await jwtVerify(jwt, keys, {
      algorithms,
      clockTolerance: leewaySeconds,
      requiredClaims: ["exp"],
      ...(issuer !== "" && { issuer }),
      ...(audiences.length > 0 && { audience: [...audiences] }),
    });
    // A token that is meant for somebody must be meant for us.
    if (audiences.length === 0 && payload.aud !== undefined)
      throw new Error("The token names an audience, and the role does not say which it expects.");
    return payload;
  };
}

/** Checks a URL of keys: https, or http on this machine. Throws `INVALID_FIELD`. */
export function checkJwksUrl(text: string): void {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isLoopback = url !== undefined && /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname);
  const isFit = url?.protocol === "https:" || (url?.protocol === "http:" && isLoopback);
  if (isFit && url?.username === "" && url.password === "") return;
  throw invalidField("jwks_url", "must be a URL that starts with https://, without user and password.");
}
