import { defineAction, userOrCaller, userTarget } from "../action.ts";
import { awsError, notFound } from "../aws-error.ts";
import type { AccessKey, User } from "../entities.ts";
import { accessKeyId, entityName, oneOf, optional, pageFields } from "../fields.ts";
import { secretAccessKey, uniqueId } from "../ids.ts";
import { page } from "../page.ts";
import { isoTime } from "../xml.ts";

function keyOf(user: User, id: string, nowMs: number): AccessKey {
  const key = user.accessKeys.get(id);
  if (key === undefined || key.visibleAtMs > nowMs) throw notFound("Access Key", id);
  return key;
}

const createAccessKey = defineAction({
  service: "iam",
  name: "CreateAccessKey",
  fields: { UserName: optional(entityName(128)) },
  target: (call) => userTarget(call, call.input.UserName),
  run: (call) => {
    const { account, nowMs } = call;
    const user = userOrCaller(call, call.input.UserName);
    if (user.accessKeys.size >= account.quotas.accessKeysPerUser) {
      const quota = account.quotas.accessKeysPerUser;
      throw awsError("LimitExceeded", `Cannot exceed quota for AccessKeysPerUser: ${quota}`);
    }
    const key: AccessKey = {
      id: uniqueId("AKIA"),
      secret: secretAccessKey(),
      status: "Active",
      createdAtMs: nowMs,
      visibleAtMs: call.visibleAtMs(),
      lastUsed: undefined,
    };
    account.addKey(user, key);
    return {
      AccessKey: {
        UserName: user.name,
        AccessKeyId: key.id,
        Status: key.status,
        SecretAccessKey: key.secret,
        CreateDate: isoTime(nowMs),
      },
    };
  },
});

const deleteAccessKey = defineAction({
  service: "iam",
  name: "DeleteAccessKey",
  fields: { UserName: optional(entityName(128)), AccessKeyId: accessKeyId },
  target: (call) => userTarget(call, call.input.UserName),
  run: (call) => {
    const user = userOrCaller(call, call.input.UserName);
    const key = keyOf(user, call.input.AccessKeyId, call.nowMs);
    call.account.removeKey(user, key, call.goneAtMs());
    return undefined;
  },
});

const listAccessKeys = defineAction({
  service: "iam",
  name: "ListAccessKeys",
  fields: { UserName: optional(entityName(128)), ...pageFields },
  target: (call) => userTarget(call, call.input.UserName),
  run: (call) => {
    const user = userOrCaller(call, call.input.UserName);
    const visible = [...user.accessKeys.values()].filter((key) => key.visibleAtMs <= call.nowMs);
    return page({
      field: "AccessKeyMetadata",
      entries: visible,
      keyOf: (key) => key.id,
      show: (key) => ({
        UserName: user.name,
        AccessKeyId: key.id,
        Status: key.status,
        CreateDate: isoTime(key.createdAtMs),
      }),
      input: call.input,
    });
  },
});

const updateAccessKey = defineAction({
  service: "iam",
  name: "UpdateAccessKey",
  fields: {
    UserName: optional(entityName(128)),
    AccessKeyId: accessKeyId,
    Status: oneOf(["Active", "Inactive"]),
  },
  target: (call) => userTarget(call, call.input.UserName),
  run: (call) => {
    const user = userOrCaller(call, call.input.UserName);
    keyOf(user, call.input.AccessKeyId, call.nowMs).status = call.input.Status;
    return undefined;
  },
});

const getAccessKeyLastUsed = defineAction({
  service: "iam",
  name: "GetAccessKeyLastUsed",
  fields: { AccessKeyId: accessKeyId },
  target: (call) => {
    const owner = call.account.keyOwner(call.input.AccessKeyId);
    return owner === undefined ? { arn: "*" } : userTarget(call, owner.name);
  },
  run: ({ account, input, nowMs }) => {
    const owner = account.keyOwner(input.AccessKeyId);
    if (owner === undefined) {
      // AWS does not tell a foreign key from an unknown one here.
      throw awsError(
        "AccessDenied",
        `User is not authorized to perform: iam:GetAccessKeyLastUsed on ${input.AccessKeyId}`,
      );
    }
    const { lastUsed } = keyOf(owner, input.AccessKeyId, nowMs);
    return {
      UserName: owner.name,
      AccessKeyLastUsed: {
        LastUsedDate: lastUsed === undefined ? undefined : isoTime(lastUsed.atMs),
        ServiceName: lastUsed?.service ?? "N/A",
        Region: lastUsed?.region ?? "N/A",
      },
    };
  },
});

/** The actions on access keys. */
export const accessKeyActions = [
  createAccessKey,
  deleteAccessKey,
  listAccessKeys,
  updateAccessKey,
  getAccessKeyLastUsed,
];
