import { definePath, type PathDefinition } from "../../../core/path.ts";
import { orphanFields } from "./orphan-fields.ts";
import { type OrphanPathsOptions, sweep } from "./orphan-sweep.ts";
import { shownNumbers, shownUsers, sweepWarnings } from "./shown-orphans.ts";

/** The path that lists leased users whose lease is not known. */
export function orphansPath(options: OrphanPathsOptions): PathDefinition {
  return definePath({
    pattern: "orphans",
    summary: "Leased users at AWS whose lease is not known.",
    description:
      "Looks at the users below the paths of leased users, and tells those that have no lease here, by their tags: orphan, expired orphan " +
      "(over for longer than the grace of the guard), foreign (tagged for another mount), untagged (not ours by name or tags). It changes " +
      "nothing. Write to tidy to remove those that are over, and to adopt to have leases for them again.",
    params: {},
    fields: orphanFields,
    operations: {
      read: {
        summary: "Lists the users without a lease, and counts the others.",
        takes: ["accessor", "user_path"],
        handle: async (request) => {
          const swept = await sweep(request, options);
          return {
            data: { ...shownNumbers(swept), users: shownUsers(swept.found) },
            warnings: sweepWarnings(swept),
          };
        },
      },
    },
  });
}
