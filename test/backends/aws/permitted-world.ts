import { readFile } from "node:fs/promises";
import * as sdk from "@aws-sdk/client-iam";
import { awsBackend } from "../../../src/backends/aws/aws-backend.ts";
import type { DestroyContext, SecretIds, SecretType } from "../../../src/core/backend.ts";
import type { JsonObject } from "../../../src/core/json.ts";
import { type Simulator, startSimulator, tutorialKey } from "../../../src/dev/simulator/simulator.ts";
import { type MountedBackend, mountBackend } from "./mounted-aws.ts";
import { createPatientClock } from "./rotation/rotation-world.ts";
import { SimulatedAccount } from "./sts/simulated-account.ts";

/** Name of the user in the policies that the documentation gives. */
export const rootUser = "root-of-leasehold";

/** A statement of a policy, its actions as a list. */
export interface Statement {
  readonly Sid: string;
  readonly Effect: string;
  readonly Action: readonly string[];
  readonly Resource: string | readonly string[];
}

/** An `aws` mount in an account of its own, whose root key has certain permissions and no others. */
export interface PermittedWorld extends AsyncDisposable {
  readonly simulator: Simulator;
  readonly account: SimulatedAccount;
  readonly admin: sdk.IAMClient;
  readonly aws: MountedBackend;
  /** Id and secret of the root key, as config/root takes them. */
  readonly key: JsonObject;
  /** Makes a secret of a role as the lessor would; `end` destroys it, and answers the warnings. */
  issue(role: string): Promise<{
    readonly type: SecretType;
    readonly handle: JsonObject;
    readonly secret: JsonObject;
    end(): Promise<string[]>;
  }>;
  /** Moves the clock of the storage. */
  advance(ms: number): void;
  /** Actions that were called with a key of the root key's user, and whether AWS denied one. */
  used(): { readonly actions: ReadonlySet<string>; readonly denied: readonly string[] };
}

/** All statements that docs/backends/aws.md gives the root key. */
export async function documentedStatements(): Promise<Statement[]> {
  const text = await readFile(new URL("../../../docs/backends/aws.md", import.meta.url), "utf8");
  const section = /^## Permissions of the root key$(.*?)^## /ms.exec(text)?.[1] ?? "";
  return [...section.matchAll(/^```json$(.*?)^```$/gms)].flatMap(([, json = ""]) => {
    const { Statement: statements } = JSON.parse(json) as {
      readonly Statement: readonly (Statement & { readonly Action: string | readonly string[] })[];
    };
    return statements.map((statement) => ({ ...statement, Action: [statement.Action].flat() }));
  });
}

let leases = 0;

/** Starts a simulator, makes what the policies speak of, and mounts the backend. */
export async function permittedWorld(statements: readonly Statement[]): Promise<PermittedWorld> {
  const simulator = await startSimulator();
  const account = new SimulatedAccount(simulator);
  const client = { region: "us-east-1", endpoint: simulator.url, credentials: tutorialKey, maxAttempts: 1 };
  const admin = new sdk.IAMClient(client);
  await admin.send(new sdk.CreateUserCommand({ UserName: rootUser }));
  const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement: statements });
  const made = await admin.send(new sdk.CreatePolicyCommand({ PolicyName: "root", PolicyDocument }));
  const attached = { UserName: rootUser, PolicyArn: made.Policy?.Arn ?? "" };
  await admin.send(new sdk.AttachUserPolicyCommand(attached));
  const { AccessKey: key } = await admin.send(new sdk.CreateAccessKeyCommand({ UserName: rootUser }));
  const endpoints = { iamEndpoint: simulator.url, stsEndpoint: simulator.url };
  let aheadMs = 0;
  const type = awsBackend({ consistencyMs: 0, clock: createPatientClock(), ...endpoints });
  const aws = mountBackend(type, "aws", () => Date.now() + aheadMs);
  const { signal } = new AbortController();
  const ownKeys = new Set([key?.AccessKeyId]);
  simulator.calls.clear();

  return {
    simulator,
    account,
    admin,
    aws,
    key: { access_key: key?.AccessKeyId ?? "", secret_key: key?.SecretAccessKey ?? "" },
    async issue(role) {
      const { issue } = await aws.ask("read", `creds/${role}`);
      const type = aws.secretTypes.find(({ name }) => name === issue?.secretType);
      if (issue === undefined || type === undefined) throw new Error("Nothing is issued.");
      const leaseUuid = `0d042c53-aa8a-4ce7-9dfd-${String(++leases).padStart(12, "0")}`;
      const ids: SecretIds = { leaseUuid, leaseId: "", accessor: "aws_4f1c2d3e", role };
      const nowMs = Date.now();
      const times = { issuedAtMs: nowMs, expiresAtMs: nowMs + 3_600_000 };
      const { input } = issue;
      const { handle, secret } = await type.create(type.plan(input, ids), { input, ids, ...times, signal });
      return {
        type,
        handle,
        secret,
        async end() {
          const warnings: string[] = [];
          const context: DestroyContext<JsonObject> = {
            disarmed: type.disarm?.(handle, { signal }) ?? Promise.resolve(),
            signal,
            nowMs: Date.now(),
            createsEndedAtMs: nowMs,
            checkpoint: async () => {},
            warn: (warning) => void warnings.push(warning),
          };
          await type.destroy(handle, context);
          return warnings;
        },
      };
    },
    advance(ms) {
      aheadMs += ms;
    },
    used() {
      for (const id of simulator.account.users.find(rootUser)?.accessKeys.keys() ?? []) ownKeys.add(id);
      const calls = simulator.calls.recent().filter(({ accessKeyId }) => ownKeys.has(accessKeyId));
      return {
        actions: new Set(calls.map(({ action }) => action)),
        denied: calls.filter(({ outcome }) => outcome.startsWith("AccessDenied")).map(({ action }) => action),
      };
    },
    async [Symbol.asyncDispose]() {
      aws.close();
      account.close();
      admin.destroy();
      await simulator.close();
    },
  };
}
