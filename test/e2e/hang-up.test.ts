import { beforeAll, expect, it } from "vitest";
import { type Deployment, deploy } from "../kit/deployment.ts";
import { testRedisExecutable } from "../kit/redis-server.ts";
import { eventually } from "./eventually.ts";
import { untilNothingIsLeft } from "./nothing-left.ts";

beforeAll(testRedisExecutable, 180_000);

const timeout = 150_000;
/** Longer than a grace, and than AWS is not believed after it. */
const withinMs = 25_000;
const callers = 3;
const env = {
  /** So long that a moment is reached on a busy machine, too; what was never made is believed gone only after it. */
  LEASEHOLD_ISSUE_GRACE: "8s",
  /** Longer than AWS holds a call of a caller who is gone, on a busy machine, too. */
  LEASEHOLD_AWS_CONSISTENCY: "3s",
};
const deadlineMs = 500;

/** A moment of an issue: the calls that AWS holds then, and how to tell that all callers have reached it. */
interface Moment {
  readonly held: readonly string[];
  readonly isReached: (deployment: Deployment) => boolean | Promise<boolean>;
}

const keyCount = ({ aws, aliveUsers }: Deployment): number =>
  aliveUsers().filter((user) => aws.account.users.get(user).accessKeys.size > 0).length;

const moments: Readonly<Record<string, Moment>> = {
  "at once": { held: ["CreateUser"], isReached: () => true },
  "once the lease is stored": {
    held: ["CreateUser"],
    isReached: async (deployment) => (await deployment.countLeases()) === callers,
  },
  "once the user exists": {
    held: ["CreateAccessKey", "PutUserPolicy"],
    isReached: ({ aliveUsers }) => aliveUsers().length === callers,
  },
  "once the key exists": {
    held: ["PutUserPolicy"],
    isReached: (deployment) => keyCount(deployment) === callers,
  },
};

type Call = (options: { readonly signal?: AbortSignal; readonly timeoutMs?: number }) => Promise<unknown>;

/** Has callers hang up at every moment, and others run into their deadline. */
async function expectNothingLeft(deployment: Deployment, call: Call): Promise<void> {
  await deployment.mountAws();
  await deployment.writeRole();
  const { faults } = deployment.aws;
  const failAll = async (options: Parameters<Call>[0]): Promise<void> => {
    const outcomes = await Promise.allSettled(Array.from({ length: callers }, () => call(options)));
    expect(outcomes.map(({ status }) => status)).toEqual(Array(callers).fill("rejected"));
  };
  for (const [name, { held, isReached }] of Object.entries(moments)) {
    // Held, not slowed: an answer that crossed the hang-up would count as given.
    faults.add({ kind: "hold", actions: held });
    const hangingUp = new AbortController();
    const failed = failAll({ signal: hangingUp.signal });
    await eventually(`all callers hang up ${name}`, () => isReached(deployment));
    hangingUp.abort();
    await failed;
    // What hangs up goes ahead of this: once it is answered, the server has heard of the callers.
    await deployment.countLeases();
    faults.clear();
    await untilNothingIsLeft(deployment, { withinMs });
  }
  faults.add({ kind: "hold" });
  await failAll({ timeoutMs: deadlineMs });
  faults.clear();
  await untilNothingIsLeft(deployment, { withinMs });
}

it.concurrent("a caller who hangs up while a key is made leaves no user behind, over gRPC", {
  timeout,
}, async () => {
  await using deployment = await deploy({ env });
  await expectNothingLeft(deployment, (call) => deployment.readCreds({ call }));
});

it.concurrent("a caller who hangs up while a key is made leaves no user behind, over HTTP with JSON", {
  timeout,
}, async () => {
  await using deployment = await deploy({ env });
  const { server, rootToken } = deployment;
  await expectNothingLeft(deployment, async ({ signal, timeoutMs }) => {
    const reply = await fetch(`${server.httpUrl}/leasehold.v1.SecretService/Read`, {
      method: "POST",
      body: JSON.stringify({ path: "aws/creds/deploy" }),
      headers: {
        authorization: `Bearer ${rootToken}`,
        "content-type": "application/json",
        ...(timeoutMs === undefined ? {} : { "connect-timeout-ms": String(timeoutMs) }),
      },
      ...(signal === undefined ? {} : { signal }),
    });
    const text = await reply.text();
    if (!reply.ok) {
      expect(JSON.parse(text)).toMatchObject({ code: "deadline_exceeded" });
      throw new Error(text);
    }
  });
});
