import { readFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { awsBackend } from "../../../../src/backends/aws/aws-backend.ts";
import type { Iam } from "../../../../src/backends/aws/iam.ts";
import { connectIam } from "../../../../src/backends/aws/iam-client.ts";
import type { JsonObject } from "../../../../src/core/json.ts";
import { type Simulator, startSimulator } from "../../../../src/dev/simulator/simulator.ts";
import { type MountedBackend, mountBackend, rootKey } from "../mounted-aws.ts";
import { newIds } from "./mounted-sessions.ts";
import { SimulatedAccount } from "./simulated-account.ts";

const { signal } = new AbortController();
const hourMs = 3_600_000;

let simulator: Simulator;
let account: SimulatedAccount;
let admin: Iam;
let aws: MountedBackend;

beforeEach(async () => {
  simulator = await startSimulator();
  account = new SimulatedAccount(simulator);
  admin = connectIam({
    accessKey: rootKey.access_key,
    secretKey: rootKey.secret_key,
    sessionToken: undefined,
    region: "us-east-1",
    iamEndpoint: simulator.url,
    stsEndpoint: simulator.url,
  });
  const endpoints = { iamEndpoint: simulator.url, stsEndpoint: simulator.url };
  aws = mountBackend(awsBackend({ consistencyMs: 0, ...endpoints }), "aws");
  await aws.ask("write", "config/root", await documentedKey());
});

afterEach(async () => {
  aws.close();
  admin.close();
  account.close();
  await simulator.close();
});

/** A key with the permissions that the documentation gives the root key for sessions, and no others. */
async function documentedKey(): Promise<JsonObject> {
  const text = await readFile(new URL("../../../../docs/backends/aws.md", import.meta.url), "utf8");
  const document = /### For sessions\n.*?```json\n(.*?)```/s.exec(text)?.[1] ?? "";
  const user = "root-of-sessions";
  await admin.createUser({ user, path: "/", tags: {}, boundaryArn: undefined, signal });
  await admin.putInlinePolicy({ user, policy: "root", document, signal });
  const { id, secret } = await admin.createAccessKey({ user, signal });
  return { access_key: id, secret_key: secret };
}

/** Issues a session and ends it; answers what was said at the end. */
async function issueAndEnd(role: string): Promise<string[]> {
  const { issue } = await aws.ask("read", `creds/${role}`);
  const type = aws.secretTypes.find(({ name }) => name === issue?.secretType);
  if (issue === undefined || type === undefined) throw new Error("Nothing is issued.");
  const ids = newIds(role);
  const times = { issuedAtMs: Date.now(), expiresAtMs: Date.now() + hourMs };
  const context = { input: issue.input, ids, ...times, signal };
  const { handle } = await type.create(type.plan(issue.input, ids), context);
  const warnings: string[] = [];
  await type.destroy(handle, {
    disarmed: Promise.resolve(),
    signal,
    nowMs: Date.now(),
    createsEndedAtMs: Date.now(),
    checkpoint: async () => {},
    warn: (warning) => void warnings.push(warning),
  });
  return warnings;
}

describe("the permissions that docs/backends/aws.md gives the root key for sessions", () => {
  it("are enough for sessions of a role, with tags and groups, and to cut them off and tidy up", async () => {
    const role_arns = await account.createRole("reader", { tagsToo: true });
    await account.createGroup("builders", {
      inline: 1,
      attached: ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
    });
    await aws.ask("write", "roles/read", {
      credential_type: "assumed_role",
      role_arns,
      iam_groups: "builders",
      session_tags: { team: "blue" },
      revoke_sessions: true,
    });
    expect(await issueAndEnd("read")).toEqual([]);
    const policies = () => [...simulator.account.roles.get("reader").inlinePolicies.keys()];
    expect(policies()).toEqual(["allow", "leasehold-revoked-sessions-aws_4f1c2d3e"]);
    const entry = (await aws.storage.list("revoked-sessions/"))[0] ?? "";
    await aws.storage.update(`revoked-sessions/${entry}`, (state = {}) => ({
      ...state,
      endsAtMs: { over: Date.now() - hourMs },
    }));
    await aws.upkeep();
    expect(policies()).toEqual(["allow"]);
  });

  it("are enough for federated users and for the root key's own sessions", async () => {
    const statement = { Effect: "Allow", Action: "ec2:*", Resource: "*" };
    const policy_document = { Version: "2012-10-17", Statement: [statement] };
    await aws.ask("write", "roles/guest", {
      credential_type: "federation_token",
      policy_document,
      session_tags: { team: "blue" },
    });
    await aws.ask("write", "roles/own", { credential_type: "session_token" });
    expect(await issueAndEnd("guest")).toHaveLength(1);
    expect(await issueAndEnd("own")).toHaveLength(1);
  });

  it("are of no use on another role", async () => {
    const role_arns = await account.createRole("writer", {});
    await aws.ask("write", "roles/write", { credential_type: "assumed_role", role_arns });
    await expect(issueAndEnd("write")).rejects.toMatchObject({
      reason: { code: "BACKEND_REFUSED", details: { aws_code: "AccessDenied" } },
    });
  });
});
