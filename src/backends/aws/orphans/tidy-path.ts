import { boolField, intField } from "../../../core/field.ts";
import { definePath, type PathDefinition } from "../../../core/path.ts";
import { orphanFields } from "./orphan-fields.ts";
import { type OrphanPathsOptions, sweep } from "./orphan-sweep.ts";
import { foundAs, orphansOf, shownNumbers, shownOutcome, sweepWarnings } from "./shown-orphans.ts";
import { removalsMax, tidyOrphans } from "./tidy-orphans.ts";

const shareMaxDefault = 20;

/** The path that removes orphans that are over. */
export function tidyPath(options: OrphanPathsOptions): PathDefinition {
  const { access, leases, consistencyMs } = options;
  return definePath({
    pattern: "tidy",
    summary: "Removes leased users that are over and have no lease.",
    description:
      "Removes expired orphans: leased users of this mount, by their tags, whose lease is not known, and whose expiry lies back by more than " +
      "the grace of the guard. Others are never touched. One pass removes a share of the leased users at most; the rest is left to the next " +
      "one. While the server observes only, nothing is removed.",
    params: {},
    fields: {
      ...orphanFields,
      dry_run: boolField("Whether only to tell what would be removed.", { defaultText: "false" }),
      share_max: intField(
        "The most that is removed in one pass, in percent of the leased users found; 10 users are always allowed.",
        { min: 1, max: 100, defaultText: String(shareMaxDefault) },
      ),
    },
    operations: {
      write: {
        summary: "Removes expired orphans, and tells which are left, and why.",
        takes: ["accessor", "user_path", "dry_run", "share_max"],
        handle: async (request) => {
          const { fields, signal } = request;
          const swept = await sweep(request, options);
          const { found, root, isOver } = swept;
          const expired = orphansOf(found, "expired orphan");
          const leased = foundAs(found, "live") + orphansOf(found).length;
          const countMax = removalsMax(leased, fields.share_max ?? shareMaxDefault);
          const numbers = { ...shownNumbers(swept), removals_max: countMax };
          const warnings = sweepWarnings(swept);
          if (fields.dry_run) {
            const would = { done: expired.map(({ user }) => user), left: [] };
            return { data: { ...numbers, dry_run: true, ...shownOutcome("would_remove", would) }, warnings };
          }
          const context = { access, root, leases, consistencyMs, countMax, signal, isOver };
          const outcome = await tidyOrphans(expired, context);
          return { data: { ...numbers, dry_run: false, ...shownOutcome("removed", outcome) }, warnings };
        },
      },
    },
  });
}
