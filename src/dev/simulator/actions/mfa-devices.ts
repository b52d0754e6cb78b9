import { randomBytes } from "node:crypto";
import type { Account } from "../account.ts";
import { defineAction, type Target, userOrCaller, userTarget } from "../action.ts";
import { awsError } from "../aws-error.ts";
import type { MfaDevice } from "../entities.ts";
import { entityName, oneOf, optional, pageFields, path, tags, text } from "../fields.ts";
import { toBase32 } from "../ids.ts";
import { page } from "../page.ts";
import { areConsecutiveTotpCodes } from "../totp.ts";
import { isoTime } from "../xml.ts";
import { describeUser } from "./users.ts";

/** The serial number of an MFA device; of a virtual one it is its ARN. */
export const serialNumber = text({ minChars: 9, maxChars: 256, pattern: /^[\w+=/:,.@-]+$/ });

/** A code of six digits from an MFA device. */
export const mfaCode = text({ minChars: 6, maxChars: 6, pattern: /^[\d]+$/ });

function deviceOf(account: Account, serial: string): MfaDevice {
  const device = account.mfaDevices.get(serial);
  if (device === undefined) {
    throw awsError("NoSuchEntity", `VirtualMFADevice with serial number ${serial} doesn't exist.`);
  }
  return device;
}

function deviceTarget({ input }: { input: { SerialNumber: string } }): Target {
  return { arn: input.SerialNumber };
}

const createVirtualMfaDevice = defineAction({
  service: "iam",
  name: "CreateVirtualMFADevice",
  fields: { VirtualMFADeviceName: entityName(226), Path: path, Tags: tags },
  target: ({ account, input }) => ({
    arn: account.arn("mfa", input.Path, input.VirtualMFADeviceName),
    requestTags: input.Tags,
  }),
  alsoNeeds: ({ input }) => (input.Tags.size > 0 ? ["iam:TagMFADevice"] : []),
  run: ({ account, input }) => {
    const serial = account.arn("mfa", input.Path, input.VirtualMFADeviceName);
    if (account.mfaDevices.has(serial)) {
      throw awsError("EntityAlreadyExists", "MFADevice entity at the same path and name already exists.");
    }
    const seed = randomBytes(40);
    account.mfaDevices.set(serial, {
      serialNumber: serial,
      seed: seed.toString("base64"),
      tags: input.Tags,
      userId: undefined,
      enabledAtMs: undefined,
    });
    // The field is a blob, so the text in base 32 that people type into a phone is in base 64 once more.
    const typed = Buffer.from(toBase32(seed)).toString("base64");
    return { VirtualMFADevice: { SerialNumber: serial, Base32StringSeed: typed } };
  },
});

const enableMfaDevice = defineAction({
  service: "iam",
  name: "EnableMFADevice",
  fields: {
    UserName: entityName(64),
    SerialNumber: serialNumber,
    AuthenticationCode1: mfaCode,
    AuthenticationCode2: mfaCode,
  },
  target: (call) => userTarget(call, call.input.UserName),
  run: ({ account, input, nowMs }) => {
    const user = account.users.get(input.UserName);
    const device = deviceOf(account, input.SerialNumber);
    if (device.userId !== undefined) {
      throw awsError("EntityAlreadyExists", "MFA Device is already in use.");
    }
    if (user.mfaDevices.size >= account.quotas.mfaDevicesPerUser) {
      const quota = account.quotas.mfaDevicesPerUser;
      throw awsError("LimitExceeded", `Cannot exceed quota for MFADevicesPerUser: ${quota}`);
    }
    const codes: [string, string] = [input.AuthenticationCode1, input.AuthenticationCode2];
    if (!areConsecutiveTotpCodes(Buffer.from(device.seed, "base64"), codes, nowMs)) {
      const sentence = "Invalid MFA codes: they have to be two consecutive ones of this device.";
      throw awsError("InvalidAuthenticationCode", sentence);
    }
    device.userId = user.id;
    device.enabledAtMs = nowMs;
    user.mfaDevices.add(device.serialNumber);
    return undefined;
  },
});

const deactivateMfaDevice = defineAction({
  service: "iam",
  name: "DeactivateMFADevice",
  fields: { UserName: optional(entityName(64)), SerialNumber: serialNumber },
  target: (call) => userTarget(call, call.input.UserName),
  run: (call) => {
    const user = userOrCaller(call, call.input.UserName);
    const device = deviceOf(call.account, call.input.SerialNumber);
    if (!user.mfaDevices.delete(device.serialNumber)) {
      throw awsError(
        "NoSuchEntity",
        `MFA Device ${device.serialNumber} is not enabled for user ${user.name}.`,
      );
    }
    device.userId = undefined;
    device.enabledAtMs = undefined;
    return undefined;
  },
});

const deleteVirtualMfaDevice = defineAction({
  service: "iam",
  name: "DeleteVirtualMFADevice",
  fields: { SerialNumber: serialNumber },
  target: deviceTarget,
  run: ({ account, input }) => {
    const device = deviceOf(account, input.SerialNumber);
    if (device.userId !== undefined) {
      throw awsError("DeleteConflict", "MFA VirtualDevice in use. Must deactivate first.");
    }
    account.mfaDevices.delete(device.serialNumber);
    return undefined;
  },
});

const listMfaDevices = defineAction({
  service: "iam",
  name: "ListMFADevices",
  fields: { UserName: optional(entityName(64)), ...pageFields },
  target: (call) => userTarget(call, call.input.UserName),
  run: (call) => {
    const user = userOrCaller(call, call.input.UserName);
    return page({
      field: "MFADevices",
      entries: Array.from(user.mfaDevices, (serial) => deviceOf(call.account, serial)),
      keyOf: (device) => device.serialNumber,
      show: (device) => ({
        UserName: user.name,
        SerialNumber: device.serialNumber,
        EnableDate: isoTime(device.enabledAtMs ?? user.createdAtMs),
      }),
      input: call.input,
    });
  },
});

const listVirtualMfaDevices = defineAction({
  service: "iam",
  name: "ListVirtualMFADevices",
  fields: { AssignmentStatus: optional(oneOf(["Assigned", "Unassigned", "Any"])), ...pageFields },
  target: ({ account }) => ({ arn: account.arn("mfa", "/", "") }),
  run: ({ account, input }) => {
    const { AssignmentStatus = "Any" } = input;
    const isListed = ({ userId }: MfaDevice) =>
      AssignmentStatus === "Any" || (userId !== undefined) === (AssignmentStatus === "Assigned");
    return page({
      field: "VirtualMFADevices",
      entries: [...account.mfaDevices.values()].filter(isListed),
      keyOf: (device) => device.serialNumber,
      show: (device) => {
        const user = device.userId === undefined ? undefined : account.userById(device.userId);
        return {
          SerialNumber: device.serialNumber,
          User: user === undefined ? undefined : describeUser(account, user),
          EnableDate: device.enabledAtMs === undefined ? undefined : isoTime(device.enabledAtMs),
        };
      },
      input,
    });
  },
});

/** The actions on virtual MFA devices. */
export const mfaDeviceActions = [
  createVirtualMfaDevice,
  enableMfaDevice,
  deactivateMfaDevice,
  deleteVirtualMfaDevice,
  listMfaDevices,
  listVirtualMfaDevices,
];
