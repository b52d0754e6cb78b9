import { randomBytes } from "node:crypto";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Credential } from "../../src/dev/simulator/principal.ts";
import { verifySignature } from "../../src/dev/simulator/sigv4.ts";
import { decryptRootKey, KmsError } from "../../src/root-key/kms-decrypt.ts";
import { findMoto, startMoto } from "../kit/moto-server.ts";

const credentials = {
  accessKey: "AKIDEXAMPLE",
  secretKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
  sessionToken: "a-session",
  endsAtMs: undefined,
};
const ciphertext = new Uint8Array([1, 2, 3]);
const kmsKey = "arn:aws:kms:eu-central-1:123456789012:key/8e2f";
const nowMs = Date.UTC(2026, 7, 22, 10);

/** The key as the AWS simulator knows it, which checks signatures without knowing this client. */
const known: Credential = {
  accessKeyId: credentials.accessKey,
  secret: credentials.secretKey,
  token: credentials.sessionToken,
  expiresAtMs: undefined,
  key: undefined,
  principal: () => {
    throw new Error("A signature is checked before anybody asks who signed.");
  },
};

interface Asked {
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly body: unknown;
}

let server: Server;
let asked: Asked[];
let answers: { readonly status: number; readonly body: unknown }[];
let endpointUrl: string;
let slept: number[];

beforeEach(async () => {
  asked = [];
  answers = [];
  slept = [];
  server = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk) => (text += chunk));
    request.on("end", () => {
      asked.push({ headers: request.headers, text, body: JSON.parse(text) });
      const { status, body } = answers.shift() ?? { status: 500, body: {} };
      response.writeHead(status, { "content-type": "application/x-amz-json-1.1" }).end(JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  endpointUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => new Promise((resolve) => server.close(resolve)));

const decrypt = () =>
  decryptRootKey(
    { ciphertext, region: "eu-central-1", kmsKey, endpointUrl },
    {
      loadCredentials: async () => credentials,
      sleep: async (ms) => void slept.push(ms),
      nowMs: () => nowMs,
    },
  );

describe("decryptRootKey()", () => {
  test("asks KMS, signed for its service and region, and answers the key", async () => {
    const key = randomBytes(32);
    answers.push({ status: 200, body: { KeyId: kmsKey, Plaintext: key.toString("base64") } });
    expect(Buffer.from(await decrypt())).toEqual(key);
    expect(asked).toEqual([
      {
        headers: expect.objectContaining({
          "content-type": "application/x-amz-json-1.1",
          "x-amz-target": "TrentService.Decrypt",
          "x-amz-security-token": "a-session",
          "x-amz-date": "20260822T100000Z",
          authorization: expect.stringMatching(
            /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/20260822\/eu-central-1\/kms\/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, Signature=[0-9a-f]{64}$/,
          ),
        }),
        text: expect.any(String),
        body: { CiphertextBlob: "AQID", KeyId: kmsKey },
      },
    ]);
    const [{ headers, text } = { headers: {}, text: "" }] = asked;
    const lists = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [String(value)]]));
    const verified = verifySignature(
      { method: "POST", path: "/", query: "", headers: lists, body: Buffer.from(text) },
      { service: "kms", nowMs, find: (id) => (id === credentials.accessKey ? known : undefined) },
    );
    expect(verified).toEqual({ credential: known, region: "eu-central-1" });
  });

  test("tries again what may pass, and then answers", async () => {
    answers.push({ status: 500, body: { __type: "KMSInternalException" } });
    answers.push({ status: 400, body: { __type: "ThrottlingException", message: "Slow down" } });
    answers.push({ status: 200, body: { Plaintext: Buffer.alloc(32, 7).toString("base64") } });
    expect(Buffer.from(await decrypt())).toEqual(Buffer.alloc(32, 7));
    expect(slept).toEqual([200, 1000]);
  });

  test("gives up after some tries, as what may pass", async () => {
    const failure = await decrypt().catch((error: unknown) => error);
    expect(failure).toMatchObject({ name: "KmsError", isRefusal: false });
    expect(asked).toHaveLength(4);
  });

  test("tells KMS's refusal in its words, at once", async () => {
    answers.push({
      status: 400,
      body: { __type: "com.amazonaws.kms#AccessDeniedException", Message: "User is not authorized" },
    });
    const failure = await decrypt().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(KmsError);
    expect(failure).toMatchObject({
      isRefusal: true,
      message: "The root key cannot be had from AWS KMS: AccessDeniedException: User is not authorized",
    });
    expect(asked).toHaveLength(1);
  });

  test("refuses what is no root key, and shows nothing of it", async () => {
    answers.push({ status: 200, body: { Plaintext: Buffer.from("a password").toString("base64") } });
    const failure = await decrypt().catch((error: unknown) => error);
    expect(failure).toMatchObject({ isRefusal: true, message: expect.stringContaining("has 10 bytes") });
    expect(String(failure)).not.toContain("password");
  });

  test("says that there are no credentials, and nothing of what was found in their place", async () => {
    const failure = await decryptRootKey(
      { ciphertext, region: "eu-central-1", kmsKey, endpointUrl },
      { loadCredentials: () => Promise.reject(new Error("file says SECRET")) },
    ).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      isRefusal: true,
      message: expect.stringContaining("no AWS credentials"),
    });
    expect(String(failure)).not.toContain("SECRET");
  });
});

const python = await findMoto();

describe.skipIf(python === undefined)("with moto in place of AWS", () => {
  test("a key that moto's KMS made and sealed is decrypted", { timeout: 60_000 }, async () => {
    const moto = await startMoto(python ?? "");
    const call = async (target: string, body: object) => {
      const response = await fetch(moto.url, {
        method: "POST",
        headers: {
          "content-type": "application/x-amz-json-1.1",
          "x-amz-target": `TrentService.${target}`,
          authorization:
            "AWS4-HMAC-SHA256 Credential=AKID/20260822/eu-central-1/kms/aws4_request, SignedHeaders=host, Signature=0",
        },
        body: JSON.stringify(body),
      });
      return (await response.json()) as Record<string, unknown>;
    };
    try {
      const { KeyMetadata } = (await call("CreateKey", {})) as {
        readonly KeyMetadata: { readonly Arn: string };
      };
      const made = await call("GenerateDataKey", { KeyId: KeyMetadata.Arn, KeySpec: "AES_256" });
      const sealed = Buffer.from(String(made["CiphertextBlob"]), "base64");
      const key = { region: "eu-central-1", endpointUrl: moto.url, kmsKey: KeyMetadata.Arn };
      const options = { loadCredentials: async () => credentials };
      const opened = await decryptRootKey({ ...key, ciphertext: sealed }, options);
      expect(Buffer.from(opened).toString("base64")).toBe(made["Plaintext"]);
      await expect(decryptRootKey({ ...key, ciphertext: randomBytes(90) }, options)).rejects.toMatchObject({
        isRefusal: true,
      });
    } finally {
      await moto.stop();
    }
  });
});
