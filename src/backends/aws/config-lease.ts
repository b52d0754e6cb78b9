import { formatDuration } from "../../core/duration.ts";
import { durationField, invalidField } from "../../core/field.ts";
import type { MountStorage } from "../../core/mount-storage.ts";
import { definePath, type PathDefinition } from "../../core/path.ts";
import { defaultGuardGraceMs } from "./guard.ts";
import { checkGuardGrace } from "./roles/check-role.ts";

const leaseConfigPath = "config/lease";

/** What holds for roles that do not say, in milliseconds; undefined where it is not set. */
export type LeaseConfig = {
  readonly leaseMs?: number;
  readonly leaseMaxMs?: number;
  /** How long after the end that it covers the guard of a user denies. */
  readonly guardGraceMs?: number;
};

/** Reads what a mount says about its leases. */
export async function readLeaseConfig(storage: MountStorage): Promise<LeaseConfig> {
  // Sealed, and written below alone.
  return ((await storage.get(leaseConfigPath)) ?? {}) as LeaseConfig;
}

/** The path of what a mount says about its leases. */
export function configLeasePath(storage: MountStorage): PathDefinition {
  return definePath({
    pattern: leaseConfigPath,
    summary: "TTLs, and the grace of the dead man's switch, for roles that set none.",
    description:
      "The TTL of a lease is the first that is set of the request's, the role's, this one, the mount's and the system's; " +
      "it is cut to the least of all maxima that are set. A field that is left out stays as it is; 0 takes it away.",
    params: {},
    fields: {
      lease: durationField(
        "TTL of a lease where neither the request nor the role gives one. 0 means not set.",
      ),
      lease_max: durationField("The longest that a lease may live, renewals included. 0 means not set."),
      deadmans_switch_grace: durationField(
        "How long after the end of a lease the statement in its user's policy denies everything. 0 means the default. A change is for new leases.",
        { defaultText: formatDuration(defaultGuardGraceMs) },
      ),
    },
    operations: {
      read: {
        summary: "Reads the TTLs and the grace, in seconds; a TTL of 0 means not set.",
        handle: async () => {
          const config = await readLeaseConfig(storage);
          const { leaseMs = 0, leaseMaxMs = 0, guardGraceMs = defaultGuardGraceMs } = config;
          return {
            data: {
              lease: leaseMs / 1000,
              lease_max: leaseMaxMs / 1000,
              deadmans_switch_grace: guardGraceMs / 1000,
            },
          };
        },
      },
      write: {
        summary: "Writes what is given of the TTLs and the grace.",
        takes: ["lease", "lease_max", "deadmans_switch_grace"],
        handle: async ({ fields }) => {
          await storage.update(leaseConfigPath, (current) => {
            const before = (current ?? {}) as LeaseConfig;
            const leaseMs = fields.lease ?? before.leaseMs ?? 0;
            const leaseMaxMs = fields.lease_max ?? before.leaseMaxMs ?? 0;
            if (leaseMaxMs > 0 && leaseMs > leaseMaxMs) {
              throw invalidField(
                "lease",
                `must not be more than "lease_max": it is ${leaseMs / 1000} s, and "lease_max" is ${leaseMaxMs / 1000} s.`,
              );
            }
            const graceMs = fields.deadmans_switch_grace ?? before.guardGraceMs ?? 0;
            if (graceMs > 0) checkGuardGrace(graceMs, "deadmans_switch_grace");
            return {
              ...(graceMs > 0 ? { guardGraceMs: graceMs } : {}),
              ...(leaseMs > 0 ? { leaseMs } : {}),
              ...(leaseMaxMs > 0 ? { leaseMaxMs } : {}),
            };
          });
          return {};
        },
      },
    },
  });
}
