import { randomUUID } from "node:crypto";
import { CreateGroupCommand, IAMClient } from "@aws-sdk/client-iam";
import { afterAll, beforeAll } from "vitest";
import { awsBackend } from "../../../src/backends/aws/aws-backend.ts";
import { AwsFailure } from "../../../src/backends/aws/aws-failure.ts";
import type { Iam } from "../../../src/backends/aws/iam.ts";
import { connectIam } from "../../../src/backends/aws/iam-client.ts";
import type { UserInput } from "../../../src/backends/aws/user-handle.ts";
import { userNameOf } from "../../../src/backends/aws/user-name.ts";
import { type Simulator, startSimulator } from "../../../src/dev/simulator/simulator.ts";
import type { SecretWorld } from "../../conformance/secret-scene.ts";
import { secretTypeConformance } from "../../conformance/secret-type.ts";
import { secretReissueConformance } from "../../conformance/secret-type-reissue.ts";
import { createInstantClock } from "./instant-clock.ts";
import { mountBackend, rootKey, tutorialPolicy } from "./mounted-aws.ts";

let simulator: Simulator;
let root: Iam;

beforeAll(async () => {
  simulator = await startSimulator();
  root = connectIam({
    accessKey: rootKey.access_key,
    secretKey: rootKey.secret_key,
    sessionToken: undefined,
    region: "us-east-1",
    iamEndpoint: simulator.url,
    stsEndpoint: simulator.url,
  });
  const credentials = { accessKeyId: rootKey.access_key, secretAccessKey: rootKey.secret_key };
  const sdk = new IAMClient({ region: "us-east-1", endpoint: simulator.url, credentials });
  await sdk.send(new CreateGroupCommand({ GroupName: "builders" }));
  sdk.destroy();
});

afterAll(async () => {
  root.close();
  await simulator.close();
});

/** Puts faults around a client: a call that is struck is not sent, or its reply is lost. */
function withFaults(inner: Iam, faultOf: (call: number) => AwsFailure | "lost reply" | undefined): Iam {
  let calls = 0;
  return new Proxy(inner, {
    get(target, name: keyof Iam) {
      if (name === "close") return () => target.close();
      const method = target[name] as (call: unknown) => Promise<unknown>;
      return async (call: unknown) => {
        const fault = faultOf(calls++);
        if (fault instanceof AwsFailure) throw fault;
        const answer = await method(call);
        if (fault === "lost reply") throw new AwsFailure("unknown", "ECONNRESET", { message: "Cut off." });
        return answer;
      };
    },
  });
}

async function worldOnSimulator(): Promise<SecretWorld> {
  const clock = createInstantClock(Date.now());
  const consistencyMs = 300_000;
  const account = "123456789012";
  const accessKey = rootKey.access_key;
  let since = 0;
  let calls = 0;
  let faultOf: (call: number) => AwsFailure | "lost reply" | undefined = () => undefined;
  // All worlds share the simulator's account, so each has a lease of its own.
  const leaseUuid = randomUUID();
  const iam = withFaults(root, (call) => {
    calls = call + 1;
    return faultOf(call - since);
  });
  const aws = mountBackend(awsBackend({ consistencyMs, clock, connectIam: () => iam }), "aws");
  await aws.storage.put("config/root", { accessKey, secretKey: rootKey.secret_key, account });
  await aws.ask("write", "roles/deploy", { policy_document: tutorialPolicy, iam_groups: ["builders"] });
  const { issue } = await aws.ask("read", "creds/deploy");
  const [type] = aws.secretTypes;
  if (type === undefined || issue === undefined) throw new Error("Nothing is issued.");
  const input = issue.input as UserInput;
  const find = () => simulator.account.users.find(userNameOf("deploy", leaseUuid));
  return {
    type,
    input,
    ids: { leaseUuid, leaseId: `aws/creds/deploy/${leaseUuid}`, accessor: "aws_4f1c2d3e", role: "deploy" },
    nowMs: clock.nowMs,
    advance: clock.advance,
    consistencyMs,
    working: () =>
      [...(find()?.accessKeys.values() ?? [])].map(({ id, secret }) => ({
        access_key: id,
        secret_key: secret,
      })),
    isEmpty: () => find() === undefined,
    calls: () => calls - since,
    reset() {
      since = calls;
      faultOf = () => undefined;
    },
    loseReply(at) {
      faultOf = (call) => (call === at ? "lost reply" : undefined);
    },
    throttle(at) {
      const failure = new AwsFailure("throttled", "Throttling", { message: "Rate exceeded" });
      faultOf = (call) => (call === at ? failure : undefined);
    },
    crash(at) {
      const failure = new AwsFailure("unknown", "Crashed", { message: "Not sent." });
      faultOf = (call) => (call >= at ? failure : undefined);
    },
  };
}

secretTypeConformance("iam_user through the client and the simulator", worldOnSimulator);
secretReissueConformance("iam_user through the client and the simulator", worldOnSimulator);
