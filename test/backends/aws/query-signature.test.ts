import { describe, expect, it } from "vitest";
import { createQuerySigner } from "../../../src/backends/aws/query-signature.ts";
import type { Credential } from "../../../src/dev/simulator/principal.ts";
import { verifySignature } from "../../../src/dev/simulator/sigv4.ts";

const accessKey = "AKIDEXAMPLE";
const secretKey = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const dayMs = 86_400_000;
const nowMs = Date.parse("2015-08-30T12:36:00Z");
const endpoint = { service: "iam", host: "iam.amazonaws.com", path: "/", signingRegion: "us-east-1" };

const headersOf = (flat: readonly string[]): Record<string, string> =>
  Object.fromEntries(flat.flatMap((name, index) => (index % 2 === 0 ? [[name, flat[index + 1] ?? ""]] : [])));

/** Has the simulator check a signature, which knows AWS's worked example. */
function check(flat: readonly string[], body: string, options: { service: string; nowMs: number }) {
  const headers = headersOf(flat);
  const credential: Credential = {
    accessKeyId: accessKey,
    secret: secretKey,
    token: headers["x-amz-security-token"],
    expiresAtMs: undefined,
    key: undefined,
    principal: () => {
      throw new Error("A signature is checked before anybody asks who signed.");
    },
  };
  const lists = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]]));
  return verifySignature(
    { method: "POST", path: "/", query: "", headers: lists, body: Buffer.from(body) },
    { ...options, find: (id) => (id === accessKey ? credential : undefined) },
  );
}

describe("createQuerySigner()", () => {
  it("signs as AWS's test suite does in post-x-www-form-urlencoded", () => {
    const sign = createQuerySigner({ accessKey, secretKey, sessionToken: undefined });
    const example = {
      service: "service",
      host: "example.amazonaws.com",
      path: "/",
      signingRegion: "us-east-1",
    };
    expect(headersOf(sign({ endpoint: example, body: "Param1=value1", nowMs }))).toEqual({
      "content-type": "application/x-www-form-urlencoded",
      host: "example.amazonaws.com",
      "x-amz-date": "20150830T123600Z",
      authorization:
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, " +
        "SignedHeaders=content-type;host;x-amz-date, " +
        "Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    });
  });

  it("signs for every day, region and service anew", () => {
    const sign = createQuerySigner({ accessKey, secretKey, sessionToken: undefined });
    const body = "Action=ListUsers&UserName=%C3%BC";
    for (let round = 0; round < 2; round++) {
      for (const signingRegion of ["us-east-1", "cn-north-1"]) {
        for (const service of ["iam", "sts"]) {
          for (const atMs of [nowMs, nowMs + dayMs, nowMs + 2 * dayMs]) {
            const headers = sign({ endpoint: { ...endpoint, service, signingRegion }, body, nowMs: atMs });
            expect(check(headers, body, { service, nowMs: atMs }).region).toBe(signingRegion);
          }
        }
      }
    }
  });

  it("signs the token of temporary credentials", () => {
    const sign = createQuerySigner({ accessKey, secretKey, sessionToken: "FwoGZXIvYXdzE//token==" });
    const headers = sign({ endpoint, body: "x", nowMs });
    expect(headersOf(headers)["authorization"]).toContain(
      "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token,",
    );
    expect(check(headers, "x", { service: "iam", nowMs }).region).toBe("us-east-1");
  });

  it("signs a path without empty segments, encoded once more than it is sent", () => {
    const sign = createQuerySigner({ accessKey, secretKey, sessionToken: undefined });
    const signed = (path: string) =>
      headersOf(sign({ endpoint: { ...endpoint, path }, body: "", nowMs }))["authorization"];
    expect(signed("/a%20b//c/")).toBe(signed("/a%20b/c/"));
    // As signed by AWS's SDK.
    expect(signed("/a%20b/c/")).toMatch(
      /Signature=116080a7e9475bc1d0f5dbcb5bfea0fe786ffac13c99e08855d28be9e438c0fe$/,
    );
  });
});
