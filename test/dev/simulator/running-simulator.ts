import {
  CreateAccessKeyCommand,
  CreateUserCommand,
  IAMClient,
  PutUserPolicyCommand,
} from "@aws-sdk/client-iam";
import { STSClient } from "@aws-sdk/client-sts";
import { onTestFinished } from "vitest";
import {
  type KeyPair,
  type Simulator,
  type SimulatorOptions,
  startSimulator,
  tutorialKey,
} from "../../../src/dev/simulator/simulator.ts";

/** Credentials of a client; the token is there for temporary ones. */
export interface ClientKey extends KeyPair {
  readonly sessionToken?: string;
}

/** A simulator with a clock that a test moves, and clients whose signatures follow that clock. */
export class RunningSimulator {
  readonly simulator: Simulator;
  readonly iam: IAMClient;
  readonly sts: STSClient;
  readonly #clients: (IAMClient | STSClient)[] = [];
  readonly #clock: { offsetMs: number };

  /** Starts one that stops when the running test ends. */
  static async start(options: SimulatorOptions = {}): Promise<RunningSimulator> {
    const clock = { offsetMs: 0 };
    const nowMs = () => Date.now() + clock.offsetMs;
    const running = new RunningSimulator(await startSimulator({ nowMs, ...options }), clock);
    onTestFinished(() => running.stop());
    return running;
  }

  private constructor(simulator: Simulator, clock: { offsetMs: number }) {
    this.simulator = simulator;
    this.#clock = clock;
    this.iam = this.iamAs(tutorialKey);
    this.sts = this.stsAs(tutorialKey);
  }

  /** An IAM client that signs with a key and never retries. */
  iamAs(key: ClientKey): IAMClient {
    const client = new IAMClient(this.#clientOptions(key));
    this.#clients.push(client);
    return client;
  }

  /** An STS client that signs with a key and never retries. */
  stsAs(key: ClientKey): STSClient {
    const client = new STSClient(this.#clientOptions(key));
    this.#clients.push(client);
    return client;
  }

  /** Moves the clock of the simulator and of all clients forward. */
  advance(ms: number): void {
    this.#clock.offsetMs += ms;
    for (const client of this.#clients) client.config.systemClockOffset = this.#clock.offsetMs;
  }

  /** The simulator's time in milliseconds. */
  nowMs(): number {
    return Date.now() + this.#clock.offsetMs;
  }

  /** Creates a user with an inline policy of these statements, and a key for it. */
  async createUser(UserName: string, statements: readonly object[] = [], Path = "/"): Promise<ClientKey> {
    await this.iam.send(new CreateUserCommand({ UserName, Path }));
    if (statements.length > 0) {
      const PolicyDocument = policyText(statements);
      await this.iam.send(new PutUserPolicyCommand({ UserName, PolicyName: "given", PolicyDocument }));
    }
    return this.createKey(UserName);
  }

  /** Creates one more key of a user. */
  async createKey(UserName: string): Promise<ClientKey> {
    const { AccessKey } = await this.iam.send(new CreateAccessKeyCommand({ UserName }));
    return { accessKeyId: AccessKey?.AccessKeyId ?? "", secretAccessKey: AccessKey?.SecretAccessKey ?? "" };
  }

  /** Asks the control endpoint; the answer's JSON. */
  async control(method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }> {
    const response = await fetch(`${this.simulator.url}/_simulator/${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: await response.json() };
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.destroy();
    await this.simulator.close();
  }

  #clientOptions(key: ClientKey) {
    return {
      endpoint: this.simulator.url,
      region: "us-east-1",
      credentials: key,
      maxAttempts: 1,
      systemClockOffset: this.#clock.offsetMs,
    };
  }
}

/** A policy of these statements, as text. */
export function policyText(statements: readonly object[]): string {
  return JSON.stringify({ Version: "2012-10-17", Statement: statements });
}
