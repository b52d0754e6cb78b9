import { durationField, invalidField } from "../../core/field.ts";
import type { MountStorage } from "../../core/mount-storage.ts";
import { definePath, type PathDefinition } from "../../core/path.ts";

const leaseConfigPath = "config/lease";

/** TTLs for roles that set none, in milliseconds; undefined where they are not set. */
export type LeaseConfig = {
  readonly leaseMs?: number;
  readonly leaseMaxMs?: number;
};

/** Reads the TTLs of a mount. */
export async function readLeaseConfig(storage: MountStorage): Promise<LeaseConfig> {
  // Sealed, and written below alone.
  return ((await storage.get(leaseConfigPath)) ?? {}) as LeaseConfig;
}

/** The path of a mount's TTLs. */
export function configLeasePath(storage: MountStorage): PathDefinition {
  return definePath({
    pattern: leaseConfigPath,
    summary: "TTLs for roles that set none.",
    description:
      "The TTL of a lease is the first that is set of the request's, the role's, this one, the mount's and the system's; " +
      "it is cut to the least of all maxima that are set. A field that is left out stays as it is; 0 takes it away.",
    params: {},
    fields: {
      lease: durationField(
        "TTL of a lease where neither the request nor the role gives one. 0 means not set.",
      ),
      lease_max: durationField("The longest that a lease may live, renewals included. 0 means not set."),
    },
    operations: {
      read: {
        summary: "Reads the TTLs, in seconds; 0 means not set.",
        handle: async () => {
          const { leaseMs = 0, leaseMaxMs = 0 } = await readLeaseConfig(storage);
          return { data: { lease: leaseMs / 1000, lease_max: leaseMaxMs / 1000 } };
        },
      },
      write: {
        summary: "Writes the TTLs, or what is given of them.",
        takes: ["lease", "lease_max"],
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
            return {
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
