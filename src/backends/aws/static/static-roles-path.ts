import { quote } from "../../../core/errors.ts";
import { durationField, invalidField, stringField } from "../../../core/field.ts";
import type { JsonObject } from "../../../core/json.ts";
import type { MountLeases } from "../../../core/mount-leases.ts";
import { definePath, type PathDefinition, type PathReply } from "../../../core/path.ts";
import { awsTime } from "../aws-time.ts";
import { roleNamePattern } from "../role.ts";
import { rotationPeriodMsMin } from "../root-key/merge-root.ts";
import type { RotationOutcome } from "../rotation/rotate-key.ts";
import { underWay } from "../rotation/rotating-key.ts";
import { nextRotationMs, type StaticRole, type StaticRoles, staticRoleFolder } from "./static-role.ts";
import type { StaticRotation } from "./static-rotation.ts";

const fields = {
  username: stringField("Name of the existing IAM user whose key is rotated. It cannot be changed.", {
    pattern: {
      regexp: /^[\w+=,.@-]{1,64}$/,
      words: "the name of a user, 1 to 64 letters, digits or _+=,.@-",
    },
  }),
  rotation_period: durationField("How often the key is rotated, at least every minute.", {
    minMs: rotationPeriodMsMin,
  }),
};

/** The path that lists the static roles of a mount. */
export function staticRolesPath(roles: StaticRoles): PathDefinition {
  return definePath({
    pattern: staticRoleFolder,
    summary: "The static roles of this mount.",
    description: "Lists the names of the static roles. Write one to static-roles/<name>.",
    params: {},
    fields: {},
    operations: {
      list: {
        summary: "Lists the names of the static roles.",
        handle: async () => ({ keys: await roles.names() }),
      },
    },
  });
}

/** The path of one static role. */
export function staticRolePath(options: {
  readonly roles: StaticRoles;
  readonly rotation: StaticRotation;
  readonly leases: MountLeases;
}): PathDefinition {
  const { roles, rotation, leases } = options;
  return definePath({
    pattern: "static-roles/:name",
    summary: "A static role: an existing IAM user, whose access key is rotated.",
    description:
      "For what cannot do with a user of its own for each lease. The first write makes a new key for the user and deletes the one " +
      "that it has; from then on the key is rotated every rotation_period. Read it at static-creds/<name>.",
    params: { name: stringField("Name of the static role.", { pattern: roleNamePattern }) },
    fields,
    operations: {
      read: {
        summary: "Reads a static role, and when its key is rotated next.",
        handle: async ({ params, mountPath }) => ({ data: shown(await roles.get(params.name, mountPath)) }),
      },
      write: {
        summary: "Writes a static role. The first write rotates the key; a later one changes the period.",
        takes: ["username", "rotation_period"],
        handle: async ({ params: { name }, fields, mountPath, signal }) => {
          const before = await roles.find(name);
          if (before !== undefined) {
            checkSameUser(before, fields.username);
            const rotationPeriodMs = fields.rotation_period ?? before.rotationPeriodMs;
            await roles.change(name, (role) => ({ ...role, rotationPeriodMs }));
            return {};
          }
          const user = fields.username;
          if (user === undefined) throw invalidField("username", "is missing: a new static role needs it.");
          const rotationPeriodMs = fields.rotation_period;
          if (rotationPeriodMs === undefined)
            throw invalidField("rotation_period", "is missing: a new static role needs it.");
          return replyOf(await rotation.takeOver(name, { user, rotationPeriodMs }, { signal, mountPath }));
        },
      },
      delete: {
        summary: "Deletes a static role. Its user and its key stay as they are.",
        handle: async ({ params: { name } }) => {
          const role = await roles.find(name);
          if (role === undefined) return {};
          if (role.rotation !== undefined && role.rotation.heldUntilMs > (await leases.nowMs()))
            throw underWay(role);
          await roles.remove(name, role);
          return { warnings: [whatStays(name, role)] };
        },
      },
    },
  });
}

function checkSameUser({ user }: StaticRole, given: string | undefined): void {
  if (given === undefined || given.toLowerCase() === user.toLowerCase()) return;
  throw invalidField(
    "username",
    `cannot be changed from ${quote(user)} to ${quote(given)}: delete the static role, and write it anew.`,
  );
}

function shown(role: StaticRole): JsonObject {
  const { user, rotationPeriodMs, rotatedAtMs, current, rotation, problem } = role;
  return {
    username: user,
    rotation_period: Math.round(rotationPeriodMs / 1000),
    ...(current === undefined ? {} : { access_key: current.id }),
    ...(rotatedAtMs === undefined
      ? {}
      : { last_rotation: awsTime(rotatedAtMs), next_rotation: awsTime(nextRotationMs(role)) }),
    ...(rotation === undefined ? {} : { rotation: rotation.step }),
    ...(problem === undefined ? {} : { last_error: problem }),
  };
}

function replyOf({ state, key, failure }: RotationOutcome): PathReply {
  if (state === "checking") {
    return {
      warnings: [
        `A new key of user "${key?.user}" is stored, and AWS does not know it everywhere yet. It can be read once it does; the key before it works until then.`,
      ],
    };
  }
  return failure === undefined
    ? {}
    : { warnings: [`The new key is in use. The old one is deleted later, by itself: ${failure.message}`] };
}

function whatStays(name: string, { user, current, rotation }: StaticRole): string {
  const ids = [current?.id, rotation?.pending?.id, ...(rotation?.old ?? [])].filter((id) => id !== undefined);
  const keys =
    ids.length === 0
      ? "it has no key of leasehold's"
      : `its access key ${[...new Set(ids)].join(", ")} goes on working`;
  const doubt =
    rotation?.step === "creating"
      ? " A rotation was interrupted, and may have left one more key: look at the user."
      : "";
  return `Static role ${quote(name)} is deleted. User "${user}" stays as it is, and ${keys}; nobody rotates it any more.${doubt}`;
}
