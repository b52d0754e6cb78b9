import { describe, expect, it } from "vitest";
import { awsBackend } from "../../../src/backends/aws/aws-backend.ts";
import { connectIam } from "../../../src/backends/aws/iam-client.ts";
import { iamConformance } from "../../conformance/iam.ts";
import { type IamEndpoint, motoGaps } from "../../conformance/iam-endpoint.ts";
import { iamPortConformance } from "../../conformance/iam-port.ts";
import { findMoto, startMoto } from "../../kit/moto-server.ts";
import { mountBackend, rootKey, tutorialPolicy } from "./mounted-aws.ts";

const python = await findMoto();

/** Takes any key: moto does not look at signatures. */
async function motoEndpoint(): Promise<IamEndpoint> {
  const { url, stop } = await startMoto(python ?? "");
  return { endpoint: url, accessKeyId: "AKIAI4SGLQPBX6CSENIQ", secretAccessKey: "any", stop };
}

describe.skipIf(python === undefined)("with moto in place of AWS", () => {
  iamConformance("moto", motoEndpoint, motoGaps);
  iamPortConformance("moto", motoEndpoint, motoGaps);

  it("a leased user is issued, renewed and revoked", async () => {
    const { endpoint, stop } = await motoEndpoint();
    const { signal } = new AbortController();
    const endpoints = { iamEndpoint: endpoint, stsEndpoint: endpoint };
    const aws = mountBackend(awsBackend({ consistencyMs: 0, ...endpoints }), "aws");
    const admin = connectIam({
      ...{ accessKey: rootKey.access_key, secretKey: rootKey.secret_key, sessionToken: undefined },
      region: "us-east-1",
      ...endpoints,
    });
    const users = async () => (await admin.listUsers({ pathPrefix: "/leasehold/", signal })).length;
    try {
      await aws.ask("write", "config/root", rootKey);
      await aws.ask("write", "roles/deploy", { policy_document: tutorialPolicy });
      const { issue } = await aws.ask("read", "creds/deploy");
      const [type] = aws.secretTypes;
      if (issue === undefined || type === undefined) throw new Error("Nothing is issued.");
      const leaseUuid = "0d042c53-aa8a-4ce7-9dfd-310351c465e5";
      const ids = { leaseUuid, leaseId: "", accessor: "aws_4f1c2d3e", role: "deploy" };
      const { input } = issue;
      const nowMs = Date.now();
      const times = { issuedAtMs: nowMs, expiresAtMs: nowMs + 3_600_000 };
      const { handle, secret } = await type.create(type.plan(input, ids), { input, ids, ...times, signal });
      expect(secret["access_key"]).toMatch(/^AKIA/);
      await type.renew?.(handle, { ttlMs: 3_600_000, expiresAtMs: nowMs + 7_200_000, signal });
      expect(await users()).toBe(1);
      await type.destroy(handle, {
        disarmed: type.disarm?.(handle, { signal }) ?? Promise.resolve(),
        signal,
        nowMs,
        createsEndedAtMs: nowMs,
        checkpoint: async () => {},
      });
      expect(await users()).toBe(0);
    } finally {
      aws.close();
      admin.close();
      await stop();
    }
  });
});
