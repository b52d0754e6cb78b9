import type { Account } from "../account.ts";
import { type CallContext, defineAction, type Target, userTarget } from "../action.ts";
import { awsError } from "../aws-error.ts";
import type { Group } from "../entities.ts";
import { entityName, pageFields, path, pathPrefix } from "../fields.ts";
import { uniqueId } from "../ids.ts";
import { page } from "../page.ts";
import { isoTime, type XmlObject } from "../xml.ts";
import { describeUser } from "./users.ts";

function describeGroup(account: Account, group: Group): XmlObject {
  return {
    Path: group.path,
    GroupName: group.name,
    GroupId: group.id,
    Arn: account.arn("group", group.path, group.name),
    CreateDate: isoTime(group.createdAtMs),
  };
}

/** What permission is checked on for a group: its ARN, or the one it would have. */
export function groupTarget(context: CallContext, name: string): Target {
  const group = context.account.groups.find(name);
  return { arn: context.account.arn("group", group?.path ?? "/", group?.name ?? name) };
}

const createGroup = defineAction({
  service: "iam",
  name: "CreateGroup",
  fields: { GroupName: entityName(128), Path: path },
  target: ({ account, input }) => ({ arn: account.arn("group", input.Path, input.GroupName) }),
  run: ({ account, input, nowMs, visibleAtMs }) => {
    if (account.groups.isTaken(input.GroupName)) {
      throw awsError("EntityAlreadyExists", `Group with name ${input.GroupName} already exists.`);
    }
    if (account.groups.size >= account.quotas.groups) {
      throw awsError("LimitExceeded", `Cannot exceed quota for GroupsPerAccount: ${account.quotas.groups}`);
    }
    const group: Group = {
      name: input.GroupName,
      path: input.Path,
      id: uniqueId("AGPA"),
      createdAtMs: nowMs,
      visibleAtMs: visibleAtMs(),
      inlinePolicies: new Map(),
      attachedPolicies: new Set(),
      memberIds: new Set(),
    };
    account.addGroup(group);
    return { Group: describeGroup(account, group) };
  },
});

const deleteGroup = defineAction({
  service: "iam",
  name: "DeleteGroup",
  fields: { GroupName: entityName(128) },
  target: (call) => groupTarget(call, call.input.GroupName),
  run: ({ account, input, goneAtMs }) => {
    const group = account.groups.get(input.GroupName);
    const obstacle =
      (group.memberIds.size > 0 && "remove users from group") ||
      (group.attachedPolicies.size > 0 && "detach all policies") ||
      (group.inlinePolicies.size > 0 && "delete policies");
    if (obstacle) throw awsError("DeleteConflict", `Cannot delete entity, must ${obstacle} first.`);
    account.groups.remove(group, goneAtMs());
    return undefined;
  },
});

const getGroup = defineAction({
  service: "iam",
  name: "GetGroup",
  fields: { GroupName: entityName(128), ...pageFields },
  target: (call) => groupTarget(call, call.input.GroupName),
  run: ({ account, input, nowMs }) => {
    const group = account.groups.read(input.GroupName);
    const members = [...group.memberIds].flatMap((id) => account.userById(id) ?? []);
    const users = page({
      field: "Users",
      entries: members.filter((user) => user.visibleAtMs <= nowMs),
      keyOf: (user) => user.name,
      show: (user) => describeUser(account, user),
      input,
    });
    return { Group: describeGroup(account, group), ...users };
  },
});

const listGroups = defineAction({
  service: "iam",
  name: "ListGroups",
  fields: { PathPrefix: pathPrefix, ...pageFields },
  target: ({ account, input }) => ({ arn: account.arn("group", input.PathPrefix, "") }),
  run: ({ account, input }) =>
    page({
      field: "Groups",
      entries: account.groups.readable().filter((group) => group.path.startsWith(input.PathPrefix)),
      keyOf: (group) => group.name,
      show: (group) => describeGroup(account, group),
      input,
    }),
});

const addUserToGroup = defineAction({
  service: "iam",
  name: "AddUserToGroup",
  fields: { GroupName: entityName(128), UserName: entityName(64) },
  target: (call) => groupTarget(call, call.input.GroupName),
  run: ({ account, input }) => {
    const group = account.groups.get(input.GroupName);
    const user = account.users.get(input.UserName);
    const name = group.name.toLowerCase();
    if (!user.groups.has(name) && user.groups.size >= account.quotas.groupsPerUser) {
      const quota = account.quotas.groupsPerUser;
      throw awsError("LimitExceeded", `Cannot exceed quota for GroupsPerUser: ${quota}`);
    }
    user.groups.add(name);
    group.memberIds.add(user.id);
    return undefined;
  },
});

const removeUserFromGroup = defineAction({
  service: "iam",
  name: "RemoveUserFromGroup",
  fields: { GroupName: entityName(128), UserName: entityName(64) },
  target: (call) => groupTarget(call, call.input.GroupName),
  run: ({ account, input }) => {
    const group = account.groups.get(input.GroupName);
    const user = account.users.get(input.UserName);
    if (!group.memberIds.delete(user.id)) {
      throw awsError("NoSuchEntity", `User ${user.name} is not in group ${group.name}.`);
    }
    user.groups.delete(group.name.toLowerCase());
    return undefined;
  },
});

const listGroupsForUser = defineAction({
  service: "iam",
  name: "ListGroupsForUser",
  fields: { UserName: entityName(64), ...pageFields },
  target: (call) => userTarget(call, call.input.UserName),
  run: ({ account, input }) =>
    page({
      field: "Groups",
      entries: [...account.users.get(input.UserName).groups].flatMap(
        (name) => account.groups.find(name) ?? [],
      ),
      keyOf: (group) => group.name,
      show: (group) => describeGroup(account, group),
      input,
    }),
});

/** The actions on groups and who is in them. */
export const groupActions = [
  createGroup,
  deleteGroup,
  getGroup,
  listGroups,
  addUserToGroup,
  removeUserFromGroup,
  listGroupsForUser,
];
