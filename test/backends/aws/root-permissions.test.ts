import { readFile } from "node:fs/promises";
import { CreateGroupCommand, CreateUserCommand, IAMClient } from "@aws-sdk/client-iam";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { awsBackend } from "../../../src/backends/aws/aws-backend.ts";
import type { Iam } from "../../../src/backends/aws/iam.ts";
import { connectSdkIam } from "../../../src/backends/aws/iam-client.ts";
import { type Simulator, startSimulator } from "../../../src/dev/simulator/simulator.ts";
import { mountBackend, rootKey, tutorialPolicy } from "./mounted-aws.ts";

const signal = new AbortController().signal;
const leaseUuid = "0d042c53-aa8a-4ce7-9dfd-310351c465e5";

let simulator: Simulator;
let admin: Iam;

const connect = (key: { readonly access_key: string; readonly secret_key: string }) =>
  connectSdkIam({
    accessKey: key.access_key,
    secretKey: key.secret_key,
    region: "us-east-1",
    iamEndpoint: simulator.url,
    stsEndpoint: simulator.url,
  });

beforeAll(async () => {
  simulator = await startSimulator();
  admin = connect(rootKey);
  const credentials = { accessKeyId: rootKey.access_key, secretAccessKey: rootKey.secret_key };
  const sdk = new IAMClient({ region: "us-east-1", endpoint: simulator.url, credentials });
  await sdk.send(new CreateGroupCommand({ GroupName: "builders" }));
  await sdk.send(new CreateUserCommand({ UserName: "leasehold", Path: "/" }));
  await sdk.send(new CreateUserCommand({ UserName: "somebody", Path: "/people/" }));
  sdk.destroy();
});

afterAll(async () => {
  admin.close();
  await simulator.close();
});

/** A key with the permissions that the documentation gives for the root key. */
async function documentedKey(): Promise<{ readonly access_key: string; readonly secret_key: string }> {
  const text = await readFile(new URL("../../../docs/backends/aws.md", import.meta.url), "utf8");
  const document = /```json\n(.*?)```/s.exec(text)?.[1] ?? "";
  await admin.putInlinePolicy({ user: "leasehold", policy: "root", document, signal });
  const { id, secret } = await admin.createAccessKey({ user: "leasehold", signal });
  return { access_key: id, secret_key: secret };
}

describe("the permissions that docs/backends/aws.md gives for the root key", () => {
  it("are enough to issue, renew and revoke, with everything that can happen, and for leased users alone", async () => {
    const key = await documentedKey();
    const root = connect(key);
    const aws = mountBackend(awsBackend({ consistencyMs: 0, connectIam: () => root }), "aws");
    await aws.ask("write", "config/root", key);
    await aws.ask("write", "roles/deploy", {
      policy_document: tutorialPolicy,
      policy_arns: "arn:aws:iam::aws:policy/ReadOnlyAccess",
      iam_groups: "builders",
    });
    const [type] = aws.secretTypes;
    const { issue } = await aws.ask("read", "creds/deploy");
    if (type === undefined || issue === undefined) throw new Error("Nothing is issued.");
    const { input } = issue;
    const ids = { leaseUuid, leaseId: "", accessor: "aws_1", role: "deploy" };
    const planned = type.plan(input, ids);
    simulator.faults.add({ kind: "creation-delay", ms: 200, actions: ["CreateUser"], times: 1 });
    const nowMs = Date.now();
    const { handle } = await type.create(planned, {
      input,
      ids,
      issuedAtMs: nowMs,
      expiresAtMs: nowMs + 60_000,
      signal,
    });
    await type.renew?.(handle, { expiresAtMs: nowMs + 120_000, signal });
    await admin.createAccessKey({ user: String(handle["user"]), signal });
    const revoke = () =>
      type.destroy(handle, {
        disarmed: type.disarm?.(handle, { signal }) ?? Promise.resolve(),
        signal,
        nowMs: Date.now(),
        createsEndedAtMs: nowMs,
        checkpoint: async () => {},
      });
    await revoke();
    expect([...simulator.account.users.all()].map(({ name }) => name)).not.toContain(handle["user"]);
    await revoke();
    await expect(root.deleteUser({ user: "somebody", signal })).rejects.toMatchObject({
      code: "AccessDenied",
    });
    root.close();
  });
});
