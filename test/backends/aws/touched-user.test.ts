import { IAMClient } from "@aws-sdk/client-iam";
import { afterAll, beforeAll, expect, it } from "vitest";
import { awsBackend } from "../../../src/backends/aws/aws-backend.ts";
import { type AwsQuery, createAwsQuery } from "../../../src/backends/aws/aws-query.ts";
import type { IamSettings } from "../../../src/backends/aws/iam.ts";
import { connectIam } from "../../../src/backends/aws/iam-client.ts";
import { type Simulator, startSimulator } from "../../../src/dev/simulator/simulator.ts";
import { mountBackend, rootKey, tutorialPolicy } from "./mounted-aws.ts";
import { touchUser } from "./touched-user.ts";

const { signal } = new AbortController();
const leaseUuid = "0d042c53-aa8a-4ce7-9dfd-310351c465e5";
const ids = { leaseUuid, leaseId: `aws/creds/deploy/${leaseUuid}`, accessor: "aws_4f1c2d3e", role: "deploy" };
const UserName = "leasehold-deploy-0d042c53aa8a4ce79dfd310351c465e5";

let simulator: Simulator;
let admin: IAMClient;

beforeAll(async () => {
  simulator = await startSimulator();
  admin = new IAMClient({
    region: "us-east-1",
    endpoint: simulator.url,
    credentials: { accessKeyId: rootKey.access_key, secretAccessKey: rootKey.secret_key },
    maxAttempts: 1,
  });
});

afterAll(async () => {
  admin.destroy();
  await simulator.close();
});

/** A client that is answered one thing a page, as AWS may at any time answer fewer than there are. */
function onePerPage(settings: IamSettings): AwsQuery {
  const client = createAwsQuery(settings);
  return {
    ...client,
    query: (call) =>
      call.action.startsWith("List")
        ? client.query({ ...call, parameters: { ...call.parameters, MaxItems: "1" } })
        : client.query(call),
  };
}

it("a user is deleted whatever others gave it, however few of it AWS shows at once, its keys before all else", async () => {
  const endpoints = { iamEndpoint: simulator.url, stsEndpoint: simulator.url };
  const type = awsBackend({
    ...{ consistencyMs: 0, ...endpoints },
    connectIam: (settings) => connectIam(settings, onePerPage),
  });
  const aws = mountBackend(type, "aws");
  await aws.ask("write", "config/root", rootKey);
  await aws.ask("write", "roles/deploy", { policy_document: tutorialPolicy });
  const { issue } = await aws.ask("read", "creds/deploy");
  const [user] = aws.secretTypes;
  if (user === undefined || issue === undefined) throw new Error("Nothing is issued.");
  const { input } = issue;
  const nowMs = Date.now();
  const times = { issuedAtMs: nowMs, expiresAtMs: nowMs + 3_600_000 };
  const { handle } = await user.create(user.plan(input, ids), { input, ids, ...times, signal });
  await touchUser(UserName, { admin, simulator });

  simulator.calls.clear();
  await user.destroy(handle, {
    disarmed: user.disarm?.(handle, { signal }) ?? Promise.resolve(),
    signal,
    nowMs: Date.now(),
    createsEndedAtMs: nowMs,
    checkpoint: async () => {},
  });
  aws.close();

  expect(simulator.account.users.find(UserName)).toBeUndefined();
  expect([...simulator.account.mfaDevices.keys()]).toEqual([]);
  const counts = simulator.calls.counts();
  expect(Object.fromEntries(Object.entries(counts).map(([action, { OK = 0 }]) => [action, OK]))).toEqual({
    GetUser: 1,
    DeleteUser: 1,
    ListAccessKeys: 1,
    DeleteAccessKey: 2,
    ListUserPolicies: 3,
    DeleteUserPolicy: 4,
    ListAttachedUserPolicies: 2,
    DetachUserPolicy: 2,
    ListGroupsForUser: 3,
    RemoveUserFromGroup: 3,
    GetLoginProfile: 1,
    DeleteLoginProfile: 1,
    ListSigningCertificates: 1,
    DeleteSigningCertificate: 1,
    ListSSHPublicKeys: 3,
    DeleteSSHPublicKey: 3,
    ListServiceSpecificCredentials: 2,
    DeleteServiceSpecificCredential: 2,
    ListMFADevices: 3,
    DeactivateMFADevice: 3,
    DeleteVirtualMFADevice: 3,
  });
  const order = simulator.calls.recent().map(({ action }) => action);
  const swept = order.filter((action) => /^(Delete|Detach|Remove|Deactivate)/.test(action));
  expect(swept.lastIndexOf("DeleteAccessKey")).toBeLessThan(swept.indexOf("DetachUserPolicy"));
  expect(swept.lastIndexOf("DeleteAccessKey")).toBeLessThan(swept.indexOf("RemoveUserFromGroup"));
});
