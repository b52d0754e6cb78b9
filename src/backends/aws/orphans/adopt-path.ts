import { definePath, type PathDefinition } from "../../../core/path.ts";
import { adoptOrphans } from "./adopt-orphans.ts";
import { orphanFields } from "./orphan-fields.ts";
import { type OrphanPathsOptions, sweep } from "./orphan-sweep.ts";
import { orphansOf, shownNumbers, shownOutcome, sweepWarnings } from "./shown-orphans.ts";

/** The path that makes leases for orphans. */
export function adoptPath(options: OrphanPathsOptions): PathDefinition {
  const { leases } = options;
  return definePath({
    pattern: "adopt",
    summary: "Makes leases for leased users that have none, so that they end on time.",
    description:
      "For after a loss of the storage: every orphan gets its lease back, by its tags, which ends at the time that its guard covers, and can be " +
      "looked up and revoked like any other, but not renewed. After a total loss the mount has a new accessor: give that of the lost one. " +
      "What is over already is revoked at once, unless the server observes only. It can be asked for again at any time.",
    params: {},
    fields: orphanFields,
    operations: {
      write: {
        summary: "Makes leases for all orphans, and tells which are left, and why.",
        takes: ["accessor", "user_path"],
        handle: async (request) => {
          const swept = await sweep(request, options);
          const { found, root, isOver } = swept;
          const { signal } = request;
          const outcome = await adoptOrphans(orphansOf(found), { root, leases, signal, isOver });
          return {
            data: { ...shownNumbers(swept), ...shownOutcome("adopted", outcome) },
            warnings: [
              ...sweepWarnings(swept),
              ...(leases.isObserving() && outcome.done.length > 0
                ? [
                    "This server observes only: what was adopted ends once you say go: leasehold operator resume",
                  ]
                : []),
            ],
          };
        },
      },
    },
  });
}
