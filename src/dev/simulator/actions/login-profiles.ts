import { defineAction, userTarget } from "../action.ts";
import { awsError } from "../aws-error.ts";
import type { User } from "../entities.ts";
import { entityName, flag, text } from "../fields.ts";
import { isoTime, type XmlObject } from "../xml.ts";

type LoginProfile = NonNullable<User["loginProfile"]>;

function describe(user: User, profile: LoginProfile): XmlObject {
  return {
    LoginProfile: {
      UserName: user.name,
      CreateDate: isoTime(profile.createdAtMs),
      PasswordResetRequired: profile.mustReset,
    },
  };
}

function profileOf(user: User): LoginProfile {
  if (user.loginProfile === undefined) {
    throw awsError("NoSuchEntity", `Login Profile for User ${user.name} cannot be found.`);
  }
  return user.loginProfile;
}

const createLoginProfile = defineAction({
  service: "iam",
  name: "CreateLoginProfile",
  fields: {
    UserName: entityName(64),
    // Read and forgotten: nobody signs in to a simulator's console.
    Password: text({ maxChars: 128 }),
    PasswordResetRequired: flag,
  },
  target: (call) => userTarget(call, call.input.UserName),
  run: ({ account, input, nowMs }) => {
    const user = account.users.get(input.UserName);
    if (user.loginProfile !== undefined) {
      throw awsError("EntityAlreadyExists", `Login Profile for user ${user.name} already exists.`);
    }
    user.loginProfile = { createdAtMs: nowMs, mustReset: input.PasswordResetRequired };
    return describe(user, user.loginProfile);
  },
});

const getLoginProfile = defineAction({
  service: "iam",
  name: "GetLoginProfile",
  fields: { UserName: entityName(64) },
  target: (call) => userTarget(call, call.input.UserName),
  run: ({ account, input }) => {
    const user = account.users.get(input.UserName);
    return describe(user, profileOf(user));
  },
});

const deleteLoginProfile = defineAction({
  service: "iam",
  name: "DeleteLoginProfile",
  fields: { UserName: entityName(64) },
  target: (call) => userTarget(call, call.input.UserName),
  run: ({ account, input }) => {
    const user = account.users.get(input.UserName);
    profileOf(user);
    user.loginProfile = undefined;
    return undefined;
  },
});

/** The actions on console passwords. */
export const loginProfileActions = [createLoginProfile, getLoginProfile, deleteLoginProfile];
