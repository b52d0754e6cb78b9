import { CoreError, quote } from "../../../core/errors.ts";
import { stringField } from "../../../core/field.ts";
import type { MountLeases } from "../../../core/mount-leases.ts";
import { definePath, type PathDefinition } from "../../../core/path.ts";
import { awsTime } from "../aws-time.ts";
import { roleNamePattern } from "../role.ts";
import { nextRotationMs, type StaticRoles } from "./static-role.ts";

/** The path at which the key of a static role is read. */
export function staticCredsPath(options: {
  readonly roles: StaticRoles;
  readonly leases: MountLeases;
}): PathDefinition {
  const { roles, leases } = options;
  return definePath({
    pattern: "static-creds/:name",
    summary: "The access key of a static role.",
    description:
      "Answers the key that the role's user has now. It works until the next rotation, and is the same for everybody who reads it: there is no lease.",
    params: { name: stringField("Name of the static role.", { pattern: roleNamePattern }) },
    fields: {},
    operations: {
      read: {
        summary: "Reads the key, and how long it works at least; ttl is in seconds.",
        handle: async ({ params: { name }, mountPath }) => {
          const role = await roles.get(name, mountPath);
          const { current, problem } = role;
          if (current === undefined) throw noKeyYet(name, problem);
          const nextMs = nextRotationMs(role);
          const ttlMs = Math.max(0, nextMs - (await leases.nowMs()));
          return {
            data: {
              access_key: current.id,
              secret_key: current.secret,
              expiration: awsTime(nextMs),
              ttl: Math.floor(ttlMs / 1000),
            },
            ...(problem === undefined
              ? {}
              : { warnings: [`The last rotation failed, and is tried again: ${problem}`] }),
          };
        },
      },
    },
  });
}

function noKeyYet(name: string, problem: string | undefined): CoreError {
  const why = problem === undefined ? "" : ` The last attempt failed: ${problem}`;
  return new CoreError(
    "BACKEND_UNAVAILABLE",
    `Static role ${quote(name)} has no key yet: its first one is being made. Try again in some seconds.${why}`,
    { details: { role: name } },
  );
}
