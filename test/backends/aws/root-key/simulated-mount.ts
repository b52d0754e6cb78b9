import {
  CreateAccessKeyCommand,
  CreateUserCommand,
  IAMClient,
  PutUserPolicyCommand,
} from "@aws-sdk/client-iam";
import { awsBackend } from "../../../../src/backends/aws/aws-backend.ts";
import type { AwsOptions } from "../../../../src/backends/aws/aws-options.ts";
import { type Simulator, startSimulator, tutorialKey } from "../../../../src/dev/simulator/simulator.ts";
import { type MountedBackend, mountBackend } from "../mounted-aws.ts";
import { createPatientClock } from "../rotation/rotation-world.ts";

/** An `aws` mount over a simulator of its own, whose storage's clock can be moved ahead. */
export interface SimulatedMount extends AsyncDisposable {
  readonly simulator: Simulator;
  readonly aws: MountedBackend;
  /** Moves the clock of the storage. */
  advance(ms: number): void;
  /** Makes a user with an access key and, where given, permissions to do these actions on everything. */
  createUser(name: string, actions?: readonly string[]): Promise<{ id: string; secret: string }>;
  createKey(user: string): Promise<{ id: string; secret: string }>;
  keysOf(user: string): string[];
}

/** Starts a simulator, and mounts the backend over it. */
export async function simulatedMount(options: Partial<AwsOptions> = {}): Promise<SimulatedMount> {
  const simulator = await startSimulator();
  const client = { region: "us-east-1", endpoint: simulator.url, credentials: tutorialKey, maxAttempts: 1 };
  const admin = new IAMClient(client);
  const type = awsBackend({
    consistencyMs: 60_000,
    iamEndpoint: simulator.url,
    stsEndpoint: simulator.url,
    clock: createPatientClock(),
    ...options,
  });
  let aheadMs = 0;
  const aws = mountBackend(type, "aws", () => Date.now() + aheadMs);
  const createKey = async (user: string) => {
    const { AccessKey } = await admin.send(new CreateAccessKeyCommand({ UserName: user }));
    return { id: AccessKey?.AccessKeyId ?? "", secret: AccessKey?.SecretAccessKey ?? "" };
  };
  return {
    simulator,
    aws,
    advance(ms) {
      aheadMs += ms;
    },
    async createUser(name, actions = []) {
      await admin.send(new CreateUserCommand({ UserName: name }));
      const statement = { Effect: "Allow", Action: actions, Resource: "*" };
      const document = JSON.stringify({ Version: "2012-10-17", Statement: [statement] });
      const policy = { UserName: name, PolicyName: "allow", PolicyDocument: document };
      if (actions.length > 0) await admin.send(new PutUserPolicyCommand(policy));
      return await createKey(name);
    },
    createKey,
    keysOf: (user) => [...(simulator.account.users.find(user)?.accessKeys.keys() ?? [])],
    async [Symbol.asyncDispose]() {
      aws.close();
      admin.destroy();
      await simulator.close();
    },
  };
}
