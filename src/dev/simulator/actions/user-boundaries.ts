import type { Account } from "../account.ts";
import { defineAction, userTarget } from "../action.ts";
import { awsError, notFound } from "../aws-error.ts";
import { arn, entityName } from "../fields.ts";
import type { XmlObject } from "../xml.ts";

/**
 * Checks that a policy exists that is to be a boundary.
 *
 * @throws AwsError `NoSuchEntity` when it does not.
 */
export function checkBoundary(account: Account, policyArn: string): void {
  if (account.findPolicy(policyArn) === undefined) {
    throw awsError("NoSuchEntity", `Scope ARN: ${policyArn} does not exist or is not attachable.`);
  }
}

/** The boundary of a user or role as answers show it; undefined where there is none. */
export function boundaryOf(holder: { boundaryArn: string | undefined }): XmlObject | undefined {
  if (holder.boundaryArn === undefined) return undefined;
  return { PermissionsBoundaryType: "PermissionsBoundaryPolicy", PermissionsBoundaryArn: holder.boundaryArn };
}

const putUserPermissionsBoundary = defineAction({
  service: "iam",
  name: "PutUserPermissionsBoundary",
  fields: { UserName: entityName(64), PermissionsBoundary: arn },
  target: (call) => ({
    ...userTarget(call, call.input.UserName),
    keys: { "iam:permissionsboundary": call.input.PermissionsBoundary },
  }),
  run: ({ account, input }) => {
    const user = account.users.get(input.UserName);
    checkBoundary(account, input.PermissionsBoundary);
    if (user.boundaryArn !== undefined) account.countBoundary(user.boundaryArn, -1);
    user.boundaryArn = input.PermissionsBoundary;
    account.countBoundary(input.PermissionsBoundary, 1);
    return undefined;
  },
});

const deleteUserPermissionsBoundary = defineAction({
  service: "iam",
  name: "DeleteUserPermissionsBoundary",
  fields: { UserName: entityName(64) },
  target: (call) => {
    const existing = call.account.users.find(call.input.UserName);
    return {
      ...userTarget(call, call.input.UserName),
      keys: { "iam:permissionsboundary": existing?.boundaryArn },
    };
  },
  run: ({ account, input }) => {
    const user = account.users.get(input.UserName);
    if (user.boundaryArn === undefined) throw notFound("permissions boundary of user", user.name);
    account.countBoundary(user.boundaryArn, -1);
    user.boundaryArn = undefined;
    return undefined;
  },
});

/** The actions on the permissions boundaries of users. */
export const userBoundaryActions = [putUserPermissionsBoundary, deleteUserPermissionsBoundary];
