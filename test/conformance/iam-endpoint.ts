import {
  CreatePolicyCommand,
  CreateUserCommand,
  DeleteUserCommand,
  type IAMClient,
} from "@aws-sdk/client-iam";
import { expect } from "vitest";

/** An endpoint that speaks IAM and STS, with a key that may do everything there. */
export interface IamEndpoint {
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  stop(): Promise<void>;
}

/** How an SDK client reaches an endpoint: one attempt a call, so that every refusal is seen. */
export function clientOptions({ endpoint, accessKeyId, secretAccessKey }: IamEndpoint) {
  return { endpoint, region: "us-east-1", credentials: { accessKeyId, secretAccessKey }, maxAttempts: 1 };
}

/** A policy that allows everything in EC2, as the tutorial writes it. */
export const allowEc2 = JSON.stringify({
  Version: "2012-10-17",
  Statement: [{ Sid: "Stmt1", Effect: "Allow", Action: ["ec2:*"], Resource: ["*"] }],
});

/** Creates a user; its name. */
export async function createUser(iam: IAMClient, UserName: string, Path = "/conformance/"): Promise<string> {
  await iam.send(new CreateUserCommand({ UserName, Path }));
  return UserName;
}

/** Creates a managed policy that allows EC2; its ARN. */
export async function createPolicy(iam: IAMClient, PolicyName: string): Promise<string> {
  const policy = { PolicyName, Path: "/conformance/", PolicyDocument: allowEc2 };
  return (await iam.send(new CreatePolicyCommand(policy))).Policy?.Arn ?? "";
}

/** A rule of AWS that an emulator may not keep. */
export type IamGap =
  | "id prefixes"
  | "page size"
  | "deletes users with keys"
  | "deletes attached policies"
  | "shown boundaries"
  | "service credentials"
  | "any MFA code";

/** The rules of the suites that moto 5 does not keep. */
export const motoGaps: readonly IamGap[] = [
  "id prefixes",
  "page size",
  "deletes users with keys",
  "deletes attached policies",
  "shown boundaries",
  "service credentials",
];

/** The code of the error a call is refused with, without the suffix some SDK versions add. */
export async function refusal(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    if (error instanceof Error) return error.name.replace(/Exception$/, "");
    throw error;
  }
  return "no error";
}

/** Expects a user not to be deleted from the moment something is added to it until that is removed again. */
export async function expectObstacle(
  iam: IAMClient,
  UserName: string,
  add: () => Promise<() => Promise<unknown>>,
): Promise<void> {
  const remove = await add();
  const deleteUser = new DeleteUserCommand({ UserName });
  expect(await refusal(iam.send(deleteUser))).toBe("DeleteConflict");
  await remove();
  expect(await refusal(iam.send(deleteUser))).toBe("no error");
}

/** A self-signed certificate of nobody, whose private key was thrown away. */
export const certificate = `-----BEGIN CERTIFICATE-----
MIIBcjCCARmgAwIBAgIUWs/2gj04VevOGbED/zq78DM7mbcwCgYIKoZIzj0EAwIw
DjEMMAoGA1UEAwwDYWRhMCAXDTI2MTEyNDIzMjIyM1oYDzIxMjYxMDMxMjMyMjIz
WjAOMQwwCgYDVQQDDANhZGEwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARG9Xis
f4mSkDHsiqJviD+WYdm9M6DPHEPIZ5gCG2vQ7wpTr8gpw4kxjorXcBnuJ78TapT1
M9K5kDohmgYOBz/7o1MwUTAdBgNVHQ4EFgQUBJ4TATehLvGbehzCQ4QQMiFvmkYw
HwYDVR0jBBgwFoAUBJ4TATehLvGbehzCQ4QQMiFvmkYwDwYDVR0TAQH/BAUwAwEB
/zAKBggqhkjOPQQDAgNHADBEAiA3AHlvfotezF+Qpf+z7pQ1VNuFMlnrt5BsyxvD
/EudqQIgRR3UDpEfUANmKsjQMJJCcOQZVfFFWW6NNIKdsdUM6nI=
-----END CERTIFICATE-----
`;
