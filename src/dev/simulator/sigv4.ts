import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { awsError } from "./aws-error.ts";
import type { Credential } from "./principal.ts";

/** The parts of an HTTP request that a signature covers. */
export interface SignedRequest {
  readonly method: string;
  /** The path as sent, without the query string. */
  readonly path: string;
  /** The query string as sent, without the question mark. */
  readonly query: string;
  /** Header values by name in lower case, in the order sent. */
  readonly headers: NodeJS.Dict<string[]>;
  readonly body: Uint8Array;
}

/** What a valid signature tells about a call. */
export interface Signature {
  readonly credential: Credential;
  readonly region: string;
}

interface Authorization {
  readonly accessKeyId: string;
  readonly date: string;
  readonly region: string;
  readonly service: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
}

const skewMsMax = 15 * 60_000;

function incomplete(message: string) {
  return awsError("IncompleteSignature", message);
}

function mismatch(message: string) {
  return awsError("SignatureDoesNotMatch", message);
}

function parseAuthorization(header: string): Authorization {
  const algorithm = header.split(" ", 1)[0] ?? "";
  if (algorithm !== "AWS4-HMAC-SHA256") throw incomplete(`Unsupported AWS 'algorithm': '${algorithm}'.`);
  const fields = new Map<string, string>();
  for (const part of header.slice(algorithm.length).split(",")) {
    const at = part.indexOf("=");
    if (at > 0) fields.set(part.slice(0, at).trim(), part.slice(at + 1).trim());
  }
  const need = (name: string): string => {
    const value = fields.get(name);
    if (value === undefined || value === "") {
      throw incomplete(`Authorization header requires '${name}' parameter. Authorization=${algorithm}`);
    }
    return value;
  };
  const scope = need("Credential").split("/");
  const [accessKeyId = "", date = "", region = "", service = "", end] = scope;
  if (scope.length !== 5 || end !== "aws4_request") {
    throw incomplete(
      "Credential must have exactly 5 slash-delimited elements, the last of which is 'aws4_request'.",
    );
  }
  return {
    accessKeyId,
    date,
    region,
    service,
    signedHeaders: need("SignedHeaders").toLowerCase().split(";"),
    signature: need("Signature"),
  };
}

function headerText(request: SignedRequest, name: string): string | undefined {
  return request.headers[name]?.map((value) => value.trim().replace(/ +/g, " ")).join(",");
}

/** Reads `20261124T100000Z`; the Date header is the fallback the protocol allows. */
function requestTime(request: SignedRequest): { stamp: string; timeMs: number } {
  const given = headerText(request, "x-amz-date");
  const date = headerText(request, "date");
  const stamp =
    given ??
    (date === undefined || Number.isNaN(Date.parse(date))
      ? undefined
      : new Date(date).toISOString().replace(/[-:]|\.\d{3}/g, ""));
  const form = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(stamp ?? "");
  if (stamp === undefined || form === null) {
    throw incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.");
  }
  const [, year, month, day, hour, minute, second] = form.map(Number);
  return {
    stamp,
    timeMs: Date.UTC(year ?? 0, (month ?? 1) - 1, day, hour, minute, second),
  };
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function canonicalQuery(query: string): string {
  if (query === "") return "";
  return query
    .split("&")
    .map((pair) => {
      const at = pair.indexOf("=");
      const name = at < 0 ? pair : pair.slice(0, at);
      return `${encode(decode(name))}=${at < 0 ? "" : encode(decode(pair.slice(at + 1)))}`;
    })
    .sort()
    .join("&");
}

function sha256(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

function hmac(key: string | Uint8Array, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

/** The canonical request. Source: "Create a signed AWS API request", step 1. */
function canonicalRequest(request: SignedRequest, signedHeaders: readonly string[]): string {
  const headers = signedHeaders.map((name) => `${name}:${headerText(request, name) ?? ""}\n`).join("");
  const path = request.path.split("/").map(encode).join("/");
  return [
    request.method,
    path === "" ? "/" : path,
    canonicalQuery(request.query),
    headers,
    signedHeaders.join(";"),
    sha256(request.body),
  ].join("\n");
}

/** Signing keys last a day and cost four HMACs; a key derived once is kept with its credential's secret. */
const signingKeys = new Map<string, Buffer>();
const signingKeysMax = 4096;

function signingKey(secret: string, authorization: Authorization): Buffer {
  const { date, region, service } = authorization;
  const id = `${secret}/${date}/${region}/${service}`;
  const known = signingKeys.get(id);
  if (known !== undefined) return known;
  const derived = hmac(hmac(hmac(hmac(`AWS4${secret}`, date), region), service), "aws4_request");
  if (signingKeys.size >= signingKeysMax) signingKeys.clear();
  signingKeys.set(id, derived);
  return derived;
}

function compactTime(timeMs: number): string {
  return new Date(timeMs).toISOString().replace(/[-:]|\.\d{3}/g, "");
}

function checkTime(stamp: string, timeMs: number, nowMs: number): void {
  if (Math.abs(timeMs - nowMs) <= skewMsMax) return;
  const now = compactTime(nowMs);
  if (timeMs < nowMs) {
    const earliest = compactTime(nowMs - skewMsMax);
    throw mismatch(`Signature expired: ${stamp} is now earlier than ${earliest} (${now} - 15 min.)`);
  }
  const latest = compactTime(nowMs + skewMsMax);
  throw mismatch(`Signature not yet current: ${stamp} is still later than ${latest} (${now} + 15 min.)`);
}

function checkScope(authorization: Authorization, stamp: string, service: string): void {
  if (authorization.service !== service) {
    throw mismatch(`Credential should be scoped to correct service: '${service}'. `);
  }
  if (authorization.date !== stamp.slice(0, 8)) {
    throw mismatch(
      `Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '${authorization.date}' != '${stamp.slice(0, 8)}', from '${stamp}'.`,
    );
  }
  if (!authorization.signedHeaders.includes("host")) {
    throw mismatch("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
  }
}

function checkToken(credential: Credential, token: string | undefined, nowMs: number): void {
  if (credential.token !== token) {
    throw awsError("InvalidClientTokenId", "The security token included in the request is invalid");
  }
  if (credential.expiresAtMs !== undefined && credential.expiresAtMs <= nowMs) {
    throw awsError("ExpiredToken", "The security token included in the request is expired");
  }
}

/**
 * Checks the Signature Version 4 of a request against its very bytes.
 *
 * @throws AwsError `MissingAuthenticationToken`, `IncompleteSignature`, `InvalidClientTokenId`,
 * `SignatureDoesNotMatch` (also for a clock more than 15 minutes off) or `ExpiredToken`.
 */
export function verifySignature(
  request: SignedRequest,
  by: { service: string; nowMs: number; find: (accessKeyId: string) => Credential | undefined },
): Signature {
  const header = request.headers["authorization"]?.[0];
  if (header === undefined) {
    throw awsError("MissingAuthenticationToken", "Request is missing Authentication Token");
  }
  const authorization = parseAuthorization(header);
  const { stamp, timeMs } = requestTime(request);
  const credential = by.find(authorization.accessKeyId);
  if (credential === undefined) {
    throw awsError("InvalidClientTokenId", "The security token included in the request is invalid.");
  }
  checkTime(stamp, timeMs, by.nowMs);
  checkScope(authorization, stamp, by.service);
  const { date, region, service, signedHeaders, signature } = authorization;
  const toSign = [
    "AWS4-HMAC-SHA256",
    stamp,
    `${date}/${region}/${service}/aws4_request`,
    sha256(canonicalRequest(request, signedHeaders)),
  ].join("\n");
  const expected = hmac(signingKey(credential.secret, authorization), toSign);
  const given = Buffer.from(signature, "hex");
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    throw mismatch(
      "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
    );
  }
  checkToken(credential, headerText(request, "x-amz-security-token"), by.nowMs);
  return { credential, region };
}
