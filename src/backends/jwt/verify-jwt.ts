import { readFile, stat } from "node:fs/promises";
import {
  type CryptoKey,
  errors,
  type JWTPayload,
  type JWTVerifyOptions,
  jwtVerify,
  type KeyObject,
  type LocalJWKSet,
} from "jose";
import { invalidField } from "../../core/field.ts";
import type { JsonObject } from "../../core/json.ts";
import { storedTexts } from "../../core/login/login-role.ts";
import { fetchJwks, jwksBytesMax } from "./fetch-jwks.ts";
import { createJwksSource, type JwksSource } from "./jwks-source.ts";
import { readPublicKeys } from "./public-keys.ts";

/** Algorithms with a public key. None with a shared secret: the key that checks a token must not be able to make one. */
export const jwtAlgorithms = [
  ...["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
  ...["ES256", "ES384", "ES512", "EdDSA"],
];

/** How long keys are used without a look at what there is now, in milliseconds. A key that is not known is looked for earlier. */
const freshMs = { url: 600_000, file: 60_000 };

const jwtCharactersMax = 32 * 1024;

/** Checks who signed a token and whether it is good now. Rejects with the reason, which is for the log; with `KeysUnavailable` where nobody can tell. */
export type VerifyJwt = (
  jwt: string,
  expected: { readonly audiences: readonly string[]; readonly leewaySeconds: number },
) => Promise<JWTPayload>;

/** Verifies a token by the keys of a configuration. */
type VerifyByKeys = (jwt: string, options: JWTVerifyOptions) => Promise<JWTPayload>;

/** Reads a file of keys, where it is a file, and no longer than it may be. */
async function readKeyFile(file: string): Promise<string> {
  const about = await stat(file).catch(() => undefined);
  if (!about?.isFile()) throw new Error("the file is not there, or is none");
  if (about.size > jwksBytesMax) throw new Error(`the file is longer than ${jwksBytesMax} bytes`);
  return await readFile(file, "utf8").catch(() => {
    throw new Error("the file cannot be read");
  });
}

/** Tries keys in turn until one of them has made the signature. */
async function verifyByEither(
  jwt: string,
  keys: AsyncIterable<CryptoKey> | Iterable<KeyObject>,
  options: JWTVerifyOptions,
): Promise<JWTPayload> {
  for await (const key of keys) {
    try {
      return (await jwtVerify(jwt, key, options)).payload;
    } catch (error) {
      // A key of another kind is a TypeError. What is wrong with the claims is told once a signature is good.
      const isOtherKey = error instanceof errors.JWSSignatureVerificationFailed || error instanceof TypeError;
      if (!isOtherKey) throw error;
    }
  }
  throw new Error("None of the keys has made the signature.");
}

function verifyByJwks(source: JwksSource): VerifyByKeys {
  const verifyBy = async (keys: LocalJWKSet, jwt: string, options: JWTVerifyOptions) => {
    try {
      return (await jwtVerify(jwt, keys, options)).payload;
    } catch (error) {
      // A token that does not name its key, and an issuer with several.
      if (error instanceof errors.JWKSMultipleMatchingKeys) return await verifyByEither(jwt, error, options);
      throw error;
    }
  };
  return async (jwt, options) => {
    const keys = await source.current();
    try {
      return await verifyBy(keys, jwt, options);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      return await verifyBy(await source.renewed(), jwt, options);
    }
  };
}

function verifierOf(config: JsonObject, nowMs: () => number): VerifyByKeys {
  const { jwks_url: url, jwks_file: file, jwks_ca_pem: ca } = config;
  if (typeof url === "string" && url !== "") {
    const caPem = typeof ca === "string" ? ca : "";
    return verifyByJwks(
      createJwksSource({ read: () => fetchJwks(url, { caPem }), freshMs: freshMs.url, nowMs }),
    );
  }
  if (typeof file === "string" && file !== "")
    return verifyByJwks(createJwksSource({ read: () => readKeyFile(file), freshMs: freshMs.file, nowMs }));
  const keys = readPublicKeys(storedTexts(config.jwt_validation_pubkeys), "jwt_validation_pubkeys");
  return (jwt, options) => verifyByEither(jwt, keys, options);
}

/** Makes what verifies tokens by a stored configuration. */
export function createJwtVerifier(config: JsonObject, nowMs: () => number): VerifyJwt {
  const verify = verifierOf(config, nowMs);
  const issuer = typeof config.bound_issuer === "string" ? config.bound_issuer : "";
  const given = storedTexts(config.jwt_supported_algs);
  const algorithms = given.length > 0 ? [...given] : jwtAlgorithms;
  return async (jwt, { audiences, leewaySeconds }) => {
    if (jwt.length > jwtCharactersMax) throw new Error("The token is too long.");
    const payload = await verify(jwt, {
      algorithms,
      currentDate: new Date(nowMs()),
      clockTolerance: leewaySeconds,
      requiredClaims: ["exp"],
      ...(issuer !== "" && { issuer }),
      ...(audiences.length > 0 && { audience: [...audiences] }),
    });
    if (payload.iat !== undefined && payload.iat > nowMs() / 1000 + leewaySeconds)
      throw new Error("The token was made in the future.");
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
