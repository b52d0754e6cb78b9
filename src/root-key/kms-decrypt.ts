import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { dnsSuffixOf } from "../backends/aws/aws-endpoints.ts";
import { isAwsFailure } from "../backends/aws/aws-failure.ts";
import { type HttpAnswer, postOnce } from "../backends/aws/post-once.ts";
import { createQuerySigner } from "../backends/aws/query-signature.ts";
import { defaultChain, type LoadSurroundings } from "../backends/aws/root-key/root-credentials.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../core/json.ts";

/** A root key as AWS's Key Management Service has sealed it. */
export interface KmsRootKey {
  /** What `kms:Encrypt` or `kms:GenerateDataKey` answered as `CiphertextBlob`. */
  readonly ciphertext: Uint8Array;
  readonly region: string;
  /** ARN or id of the KMS key that must have sealed it; undefined leaves that to KMS. */
  readonly kmsKey: string | undefined;
  /** URL of an endpoint that stands in for AWS's. */
  readonly endpointUrl: string | undefined;
}

/** Thrown where KMS does not give the root key away. */
export class KmsError extends Error {
  /** Whether KMS would answer the same again, so that something has to change first. */
  readonly isRefusal: boolean;

  constructor(problem: string, options: { readonly isRefusal: boolean }) {
    super(`The root key cannot be had from AWS KMS: ${problem}`);
    this.name = "KmsError";
    this.isRefusal = options.isRefusal;
  }
}

const json = { contentType: "application/x-amz-json-1.1", target: "TrentService.Decrypt" };
const limits = { connectionTimeoutMs: 3000, callTimeoutMs: 10_000, answerBytesMax: 64 * 1024 };
/** What may pass by itself is tried so often, after these pauses in milliseconds. */
const pausesMs = [200, 1000, 3000];
const rootKeyBytes = 32;
/** Codes of KMS for what may pass: from its reference, section "Common errors" and "Decrypt". */
const passing =
  /^(ThrottlingException|DependencyTimeoutException|KMSInternalException|KeyUnavailableException)$/;

/**
 * Has KMS decrypt a root key, with the credentials of the surroundings: environment, profile, container, instance. They need
 * `kms:Decrypt` on the key. Rejects with `KmsError`.
 */
export async function decryptRootKey(
  key: KmsRootKey,
  options: {
    readonly loadCredentials?: LoadSurroundings;
    readonly sleep?: (ms: number) => Promise<void>;
    readonly nowMs?: () => number;
  } = {},
): Promise<Uint8Array> {
  const { sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms)), nowMs = Date.now } = options;
  const credentials = await (options.loadCredentials ?? defaultChain())().catch((error: unknown) => {
    // Of the cause only its kind is told: its words may quote a file that holds a secret.
    const kind = error instanceof Error ? error.name : "Error";
    throw new KmsError(
      `the surroundings of the server have no AWS credentials (${kind}). Give it some: the role of its container or instance, a profile, or AWS_ACCESS_KEY_ID.`,
      { isRefusal: true },
    );
  });
  const sign = createQuerySigner(credentials, json);
  const endpoint = kmsEndpoint(key);
  const body = JSON.stringify({
    CiphertextBlob: Buffer.from(key.ciphertext).toString("base64"),
    ...(key.kmsKey === undefined ? {} : { KeyId: key.kmsKey }),
  });
  const agent = endpoint.isSecure ? new HttpsAgent() : new HttpAgent();
  const ask = async (): Promise<Uint8Array> => {
    const headers = ["user-agent", "leasehold", ...sign({ endpoint, body, nowMs: nowMs() })];
    const { signal } = new AbortController();
    try {
      return readAnswer(await postOnce({ endpoint, agent, headers, body, signal, limits }));
    } catch (error) {
      if (!isAwsFailure(error)) throw error;
      throw new KmsError(`${error.message} Can ${endpoint.host} be reached?`, { isRefusal: false });
    }
  };
  try {
    for (const pauseMs of pausesMs) {
      try {
        return await ask();
      } catch (error) {
        if (!(error instanceof KmsError) || error.isRefusal) throw error;
        await sleep(pauseMs);
      }
    }
    return await ask();
  } finally {
    agent.destroy();
  }
}

function kmsEndpoint({ region, endpointUrl }: KmsRootKey) {
  const url = URL.parse(endpointUrl ?? `https://kms.${region}.${dnsSuffixOf(region)}`);
  if (url === null)
    throw new KmsError("AWS_ENDPOINT_URL_KMS is no URL; write it like https://host:port.", {
      isRefusal: true,
    });
  const isSecure = url.protocol === "https:";
  return {
    service: "kms",
    isSecure,
    hostname: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: Number(url.port) || (isSecure ? 443 : 80),
    host: url.host,
    path: url.pathname,
    signingRegion: region,
  };
}

function readAnswer({ status, body }: HttpAnswer): Uint8Array {
  const answer = parse(body);
  if (status === 200) {
    const key = Buffer.from(typeof answer?.Plaintext === "string" ? answer.Plaintext : "", "base64");
    if (key.length === rootKeyBytes) return key;
    throw new KmsError(
      `what it decrypted has ${key.length} bytes, and a root key has ${rootKeyBytes}. Make one with "aws kms generate-data-key --key-spec AES_256".`,
      { isRefusal: true },
    );
  }
  const code = String(answer?.__type ?? `HTTP status ${status}`)
    .replace(/^.*#/, "")
    .slice(0, 100);
  const words = String(answer?.message ?? answer?.Message ?? "It gave no reason.").slice(0, 300);
  throw new KmsError(`${code}: ${words}`, { isRefusal: status < 500 && !passing.test(code) });
}

function parse(body: string): JsonObject | undefined {
  try {
    const value: JsonValue = JSON.parse(body);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
