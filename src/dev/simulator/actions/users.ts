import type { Account } from "../account.ts";
import { type CallContext, defineAction, userOrCaller, userTarget } from "../action.ts";
import { awsError } from "../aws-error.ts";
import type { Tags, User } from "../entities.ts";
import { arn, entityName, optional, pageFields, path, pathPrefix, tagKeys, tags } from "../fields.ts";
import { uniqueId } from "../ids.ts";
import { page } from "../page.ts";
import { isoTime, type XmlObject } from "../xml.ts";
import { boundaryOf, checkBoundary } from "./user-boundaries.ts";

/** The tags of an answer. */
export function describeTags(all: Tags): XmlObject[] {
  return Array.from(all.values(), ({ key, value }) => ({ Key: key, Value: value }));
}

/** A user as answers show it; lists leave its tags and boundary out. */
export function describeUser(account: Account, user: User): XmlObject {
  return {
    Path: user.path,
    UserName: user.name,
    UserId: user.id,
    Arn: account.arn("user", user.path, user.name),
    CreateDate: isoTime(user.createdAtMs),
  };
}

function describeUserFully(account: Account, user: User): XmlObject {
  return {
    ...describeUser(account, user),
    PermissionsBoundary: boundaryOf(user),
    Tags: user.tags.size > 0 ? describeTags(user.tags) : undefined,
  };
}

/** A user with nothing on it yet. */
export function newUser(options: Pick<User, "name" | "path" | "createdAtMs" | "visibleAtMs">): User {
  return {
    ...options,
    id: uniqueId("AIDA"),
    inlinePolicies: new Map(),
    attachedPolicies: new Set(),
    tags: new Map(),
    boundaryArn: undefined,
    groups: new Set(),
    accessKeys: new Map(),
    loginProfile: undefined,
    signingCertificates: new Map(),
    sshPublicKeys: new Map(),
    serviceCredentials: new Map(),
    mfaDevices: new Set(),
  };
}

const createUser = defineAction({
  service: "iam",
  name: "CreateUser",
  fields: { UserName: entityName(64), Path: path, PermissionsBoundary: optional(arn), Tags: tags },
  target: ({ account, input }) => ({
    arn: account.arn("user", input.Path, input.UserName),
    requestTags: input.Tags,
    keys: { "iam:permissionsboundary": input.PermissionsBoundary },
  }),
  alsoNeeds: ({ input }) => (input.Tags.size > 0 ? ["iam:TagUser"] : []),
  run: ({ account, input, nowMs, visibleAtMs }) => {
    if (account.users.isTaken(input.UserName)) {
      throw awsError("EntityAlreadyExists", `User with name ${input.UserName} already exists.`);
    }
    if (account.users.size >= account.quotas.users) {
      throw awsError("LimitExceeded", `Cannot exceed quota for UsersPerAccount: ${account.quotas.users}`);
    }
    if (input.PermissionsBoundary !== undefined) checkBoundary(account, input.PermissionsBoundary);
    const user: User = {
      ...newUser({ name: input.UserName, path: input.Path, createdAtMs: nowMs, visibleAtMs: visibleAtMs() }),
      tags: input.Tags,
      boundaryArn: input.PermissionsBoundary,
    };
    account.addUser(user);
    return { User: describeUserFully(account, user) };
  },
});

const getUser = defineAction({
  service: "iam",
  name: "GetUser",
  fields: { UserName: optional(entityName(64)) },
  target: (call) => userTarget(call, call.input.UserName),
  run: (call) => {
    const { UserName } = call.input;
    const user = UserName === undefined ? userOrCaller(call, undefined) : call.account.users.read(UserName);
    return { User: describeUserFully(call.account, user) };
  },
});

/** What has to go before a user can, in the order AWS names it, with the words of its refusal. */
const obstacles: [string, (user: User) => boolean][] = [
  ["delete access keys", (user) => user.accessKeys.size > 0],
  ["delete login profile", (user) => user.loginProfile !== undefined],
  ["delete MFA device", (user) => user.mfaDevices.size > 0],
  ["delete signing certificates", (user) => user.signingCertificates.size > 0],
  ["delete SSH public keys", (user) => user.sshPublicKeys.size > 0],
  ["delete service specific credentials", (user) => user.serviceCredentials.size > 0],
  ["remove users from group", (user) => user.groups.size > 0],
  ["detach all policies", (user) => user.attachedPolicies.size > 0],
  ["delete policies", (user) => user.inlinePolicies.size > 0],
];

const deleteUser = defineAction({
  service: "iam",
  name: "DeleteUser",
  fields: { UserName: entityName(64) },
  target: (call) => userTarget(call, call.input.UserName),
  run: ({ account, input, goneAtMs }) => {
    const user = account.users.get(input.UserName);
    const obstacle = obstacles.find(([, isThere]) => isThere(user));
    if (obstacle !== undefined) {
      throw awsError("DeleteConflict", `Cannot delete entity, must ${obstacle[0]} first.`);
    }
    account.removeUser(user, goneAtMs());
    return undefined;
  },
});

const listUsers = defineAction({
  service: "iam",
  name: "ListUsers",
  fields: { PathPrefix: pathPrefix, ...pageFields },
  target: ({ account, input }) => ({ arn: account.arn("user", input.PathPrefix, "") }),
  run: ({ account, input }) =>
    page({
      field: "Users",
      entries: account.users.readable().filter((user) => user.path.startsWith(input.PathPrefix)),
      keyOf: (user) => user.name,
      show: (user) => describeUser(account, user),
      input,
    }),
});

const updateUser = defineAction({
  service: "iam",
  name: "UpdateUser",
  fields: {
    UserName: entityName(64),
    NewUserName: optional(entityName(64)),
    NewPath: {
      read: (parameters, name) =>
        parameters.get(name) === undefined ? undefined : path.read(parameters, name),
    },
  },
  target: (call) => userTarget(call, call.input.UserName),
  run: ({ account, input }) => {
    const user = account.users.get(input.UserName);
    const { NewUserName, NewPath } = input;
    if (NewUserName !== undefined && NewUserName !== user.name) {
      const isSameName = NewUserName.toLowerCase() === user.name.toLowerCase();
      if (!isSameName && account.users.isTaken(NewUserName)) {
        throw awsError("EntityAlreadyExists", `User with name ${NewUserName} already exists.`);
      }
      account.renameUser(user, NewUserName);
    }
    if (NewPath !== undefined) user.path = NewPath;
    return undefined;
  },
});

const tagUser = defineAction({
  service: "iam",
  name: "TagUser",
  fields: { UserName: entityName(64), Tags: tags },
  target: (call) => ({ ...userTarget(call, call.input.UserName), requestTags: call.input.Tags }),
  run: ({ account, input }) => {
    const user = account.users.get(input.UserName);
    addTags(account, user.tags, input.Tags);
    return undefined;
  },
});

function addTags(account: CallContext["account"], existing: Tags, added: Tags): void {
  const total = new Set([...existing.keys(), ...added.keys()]).size;
  if (total > account.quotas.tags) {
    throw awsError("LimitExceeded", "The number of tags has reached the maximum limit.");
  }
  for (const [key, tag] of added) existing.set(key, tag);
}

const untagUser = defineAction({
  service: "iam",
  name: "UntagUser",
  fields: { UserName: entityName(64), TagKeys: tagKeys },
  target: (call) => ({ ...userTarget(call, call.input.UserName), tagKeys: call.input.TagKeys }),
  run: ({ account, input }) => {
    const user = account.users.get(input.UserName);
    for (const key of input.TagKeys) user.tags.delete(key.toLowerCase());
    return undefined;
  },
});

const listUserTags = defineAction({
  service: "iam",
  name: "ListUserTags",
  fields: { UserName: entityName(64), ...pageFields },
  target: (call) => userTarget(call, call.input.UserName),
  run: ({ account, input }) =>
    page({
      field: "Tags",
      entries: account.users.read(input.UserName).tags.values(),
      keyOf: (tag) => tag.key,
      show: (tag) => ({ Key: tag.key, Value: tag.value }),
      input,
    }),
});

/** The actions on users themselves. */
export const userActions = [
  createUser,
  getUser,
  deleteUser,
  listUsers,
  updateUser,
  tagUser,
  untagUser,
  listUserTags,
];
