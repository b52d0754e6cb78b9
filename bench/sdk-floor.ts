// The floor for AWS leases: the calls of an issue, or of a revocation, sent with the bare AWS SDK in the same two
// waves. It ends when its parent lets go of it.

import { setTimeout as delay } from "node:timers/promises";
import {
  CreateAccessKeyCommand,
  CreateUserCommand,
  DeleteAccessKeyCommand,
  DeleteUserCommand,
  DeleteUserPolicyCommand,
  GetUserCommand,
  IAMClient,
  PutUserPolicyCommand,
} from "@aws-sdk/client-iam";
import { adminKey, policyDocument } from "./aws-account.ts";
import type { SdkFloorOrder } from "./sdk-floor-process.ts";
import { timeEach } from "./time-each.ts";

interface User {
  readonly UserName: string;
  readonly AccessKeyId: string | undefined;
}

const PolicyName = "floor";
let client: IAMClient | undefined;
let users: readonly User[] = [];
let created = 0;

async function issue(iam: IAMClient): Promise<User> {
  created += 1;
  const UserName = `floor-${created}`;
  const Tags = ["lease", "mount", "expires"].map((Key) => ({ Key, Value: UserName }));
  await iam.send(new CreateUserCommand({ UserName, Path: "/floor/", Tags }));
  const [{ AccessKey: key }] = await Promise.all([
    iam.send(new CreateAccessKeyCommand({ UserName })),
    iam.send(new PutUserPolicyCommand({ UserName, PolicyName, PolicyDocument: policyDocument })),
  ]);
  return { UserName, AccessKeyId: key?.AccessKeyId };
}

async function revoke(iam: IAMClient, { UserName, AccessKeyId }: User): Promise<void> {
  await Promise.all([
    iam.send(new DeleteAccessKeyCommand({ UserName, AccessKeyId })),
    iam.send(new GetUserCommand({ UserName })),
    iam.send(new DeleteUserPolicyCommand({ UserName, PolicyName })),
  ]);
  await iam.send(new DeleteUserCommand({ UserName }));
}

const names = (): readonly string[] => users.map(({ UserName }) => UserName);

async function carryOut(order: SdkFloorOrder): Promise<object> {
  client ??= new IAMClient({
    endpoint: order.awsUrl,
    region: "us-east-1",
    credentials: { accessKeyId: adminKey.access_key, secretAccessKey: adminKey.secret_key },
    maxAttempts: 1,
  });
  const iam = client;
  if (order.kind === "issue") {
    const { results, times } = await timeEach(Array.from({ length: order.count }), order.inFlight, () =>
      issue(iam),
    );
    users = results;
    return { ...times, users: names() };
  }
  const due = order.dueAtMs ?? [];
  const { times } = await timeEach([...users.entries()], order.inFlight, async ([at, user]) => {
    const waitMs = (due[at] ?? 0) - Date.now();
    if (waitMs > 0) await delay(waitMs);
    await revoke(iam, user);
  });
  return { ...times, users: names() };
}

process.on("disconnect", () => process.exit(0));
process.on("message", (order) => {
  // Both ends come from the same checkout, so the shape needs no checking.
  carryOut(order as SdkFloorOrder)
    .catch((error: unknown) => ({ error: error instanceof Error ? error.message : String(error) }))
    .then((answer) => process.send?.(answer));
});
