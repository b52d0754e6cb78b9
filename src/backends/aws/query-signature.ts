import { createHash, createHmac, createSecretKey, type KeyObject } from "node:crypto";
import type { AwsEndpoint } from "./aws-endpoints.ts";
import { encodeText } from "./query-parameters.ts";

/** What calls are signed with. */
export interface SigningCredentials {
  readonly accessKey: string;
  readonly secretKey: string;
  /** Goes with temporary credentials; undefined for others. */
  readonly sessionToken: string | undefined;
}

/** Answers the headers of one call, name and value in turn, its signature among them. */
export type QuerySigner = (call: {
  readonly endpoint: Pick<AwsEndpoint, "host" | "path" | "signingRegion"> & { readonly service: string };
  readonly body: string;
  readonly nowMs: number;
}) => readonly string[];

const algorithm = "AWS4-HMAC-SHA256";
/** What calls of the Query protocol send. */
const queryContentType = "application/x-www-form-urlencoded";
/** A derived key is good for one day, region and service; there are two in use, and one more of each at midnight. */
const keysMax = 4;

/**
 * Makes what signs POST requests with AWS's Signature Version 4. The derived key of a day is kept, as a key object:
 * deriving it takes four more hashes a call, and Node takes twice as long with a key that is given as bytes.
 * Source: AWS's documentation "Create a signed AWS API request".
 */
export function createQuerySigner(
  credentials: SigningCredentials,
  /** For AWS's JSON protocol: what its calls send, and the one action that is called. */
  json?: { readonly contentType: string; readonly target: string },
): QuerySigner {
  const { accessKey, secretKey, sessionToken } = credentials;
  const keys = new Map<string, KeyObject>();
  const keyOf = (scope: string, parts: readonly string[]): KeyObject => {
    const known = keys.get(scope);
    if (known !== undefined) return known;
    const derived = parts.reduce(
      (key, part) => createSecretKey(createHmac("sha256", key).update(part).digest()),
      createSecretKey(`AWS4${secretKey}`, "utf8"),
    );
    if (keys.size >= keysMax) keys.clear();
    keys.set(scope, derived);
    return derived;
  };

  return ({ endpoint, body, nowMs }) => {
    const { service, host, path, signingRegion } = endpoint;
    const time = new Date(nowMs).toISOString().replace(/[-:]|\.\d+/g, "");
    const parts = [time.slice(0, 8), signingRegion, service, "aws4_request"];
    const scope = parts.join("/");
    // In the order of their names, as they are signed.
    const headers = ["content-type", json?.contentType ?? queryContentType, "host", host, "x-amz-date", time];
    if (sessionToken !== undefined) headers.push("x-amz-security-token", sessionToken);
    if (json !== undefined) headers.push("x-amz-target", json.target);
    let canonicalHeaders = "";
    let signedHeaders = "";
    for (let index = 0; index < headers.length; index += 2) {
      canonicalHeaders += `${headers[index]}:${headers[index + 1]}\n`;
      signedHeaders += `${index === 0 ? "" : ";"}${headers[index]}`;
    }
    const request = `POST\n${canonicalPath(path)}\n\n${canonicalHeaders}\n${signedHeaders}\n${sha256(body)}`;
    const signature = createHmac("sha256", keyOf(scope, parts))
      .update(`${algorithm}\n${time}\n${scope}\n${sha256(request)}`)
      .digest("hex");
    const signed = `Credential=${accessKey}/${scope}, SignedHeaders=${signedHeaders}, Signature=${signature}`;
    headers.push("authorization", `${algorithm} ${signed}`);
    return headers;
  };
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** The path as it is signed: without empty segments, and each segment encoded once more than it is sent. */
function canonicalPath(path: string): string {
  if (path === "/") return path;
  return path
    .replace(/\/{2,}/g, "/")
    .split("/")
    .map(encodeText)
    .join("/");
}
