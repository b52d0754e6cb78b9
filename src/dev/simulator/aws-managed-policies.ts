import type { ManagedPolicy } from "./entities.ts";
import { uniqueId } from "./ids.ts";
import { Policy } from "./policy/policy.ts";

const allowAll = (action: string | string[]) => [{ Effect: "Allow", Action: action, Resource: "*" }];

/** Names of AWS's own policies and what they allow, cut to the services a simulator's caller can tell apart. */
const statementsByName: Record<string, object[]> = {
  AdministratorAccess: allowAll("*"),
  PowerUserAccess: [
    { Effect: "Allow", NotAction: ["iam:*", "organizations:*", "account:*"], Resource: "*" },
    { Effect: "Allow", Action: ["iam:ListRoles", "account:GetAccountInformation"], Resource: "*" },
  ],
  IAMFullAccess: allowAll("iam:*"),
  IAMReadOnlyAccess: allowAll(["iam:Get*", "iam:List*", "iam:Generate*", "iam:Simulate*"]),
  AmazonEC2FullAccess: allowAll("ec2:*"),
  AmazonEC2ReadOnlyAccess: allowAll("ec2:Describe*"),
  AmazonS3FullAccess: allowAll("s3:*"),
  AmazonS3ReadOnlyAccess: allowAll(["s3:Get*", "s3:List*", "s3:Describe*"]),
  ReadOnlyAccess: allowAll(["ec2:Describe*", "iam:Get*", "iam:List*", "s3:Get*", "s3:List*", "sts:Get*"]),
};

/** The policies that AWS owns and every account finds there. */
export function awsManagedPolicies(): ManagedPolicy[] {
  return Object.entries(statementsByName).map(([name, statements]) => ({
    name,
    path: "/",
    id: uniqueId("ANPA"),
    arn: `arn:aws:iam::aws:policy/${name}`,
    createdAtMs: Date.UTC(2015, 1, 6, 18, 39),
    visibleAtMs: 0,
    policy: new Policy(JSON.stringify({ Version: "2012-10-17", Statement: statements })),
    description: undefined,
    tags: new Map(),
    attachmentCount: 0,
    boundaryCount: 0,
  }));
}
