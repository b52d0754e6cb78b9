import { kindOf } from "../../src/core/lease-event.ts";
import type { LeaseEventView } from "../../src/core/requests.ts";
import { parseResumeToken } from "../../src/core/resume-token.ts";
import type { Invariants } from "./invariants.ts";
import type { LeaseHistory } from "./lease-history.ts";
import { comparePositions } from "./model-lease-store.ts";

/** What one watcher has heard, checked against what happened. */
export interface HeardEvents {
  /** Token of the last event; `""` where there was none. */
  readonly token: string;
  /** A watch without a token is open: whatever happens from now on is to be heard. */
  begin(): void;
  hear(event: LeaseEventView): void;
  /** What was not heard of yet and still can be, in words. */
  missing(): string | undefined;
}

/** Makes the ear of a watcher who has heard nothing. */
export function createHeardEvents(options: {
  readonly name: string;
  readonly prefix: string;
  readonly history: LeaseHistory;
  readonly invariants: Invariants;
  readonly onGap: () => void;
}): HeardEvents {
  const { name, prefix, history, invariants, onGap } = options;
  let token = "";
  let number = 0;
  let gapNumber = 0;
  /** Where the watcher stands in each mount, and with which event it got there; 0 where it began there. */
  const places = new Map<string, { readonly position: string; readonly number: number }>();
  let hasBegun = false;

  const checkGap = (): void => {
    gapNumber = number;
    onGap();
    if (!history.hasHoles)
      invariants.violate(
        "a gap is told only where something is missing",
        `${name} was told of a gap, and nothing was lost`,
      );
  };
  const moveTo = (accessor: string, position: string): void => {
    const before = places.get(accessor) ?? { position: "", number: 0 };
    if (position === before.position) return;
    places.set(accessor, { position, number });
    // What comes first after a gap excuses what is missing before it, also where the gap itself moved the watcher on.
    if (gapNumber > 0 && gapNumber >= before.number) return;
    if (before.number > 0 && comparePositions(position, before.position) < 0 && !history.hasHoles)
      invariants.violate("a watcher hears in order", `${name} heard ${position} after ${before.position}`);
    const [skipped] = history.shown(accessor, prefix, { after: before.position, before: position });
    if (skipped)
      invariants.violate(
        "a watcher hears of every transition",
        `${name} did not hear of ${skipped.position} ${skipped.kind} ${skipped.leaseId}, and was told of no gap`,
      );
  };
  /** The event is one of those that the watcher moved to with it. */
  const checkTrue = (event: LeaseEventView, moved: readonly (readonly [string, string])[]): void => {
    const happened = moved.flatMap(([accessor, position]) => history.at(accessor, position) ?? []);
    const isTrue = happened.some(
      (each) =>
        each.leaseId === event.lease?.id &&
        (kindOf(each) === event.kind || (each.kind === "fail" && event.kind === "failed")),
    );
    if (!isTrue && !history.hasHoles)
      invariants.violate(
        "a watcher hears of every transition",
        `${name} heard that ${event.lease?.id} was ${event.kind}, which did not happen there`,
      );
  };

  return {
    get token() {
      return token;
    },
    begin() {
      hasBegun = true;
      places.clear();
      for (const accessor of history.accessors)
        places.set(accessor, { position: history.newest(accessor), number: 0 });
    },
    hear(event) {
      number += 1;
      token = event.resumeToken;
      if (event.kind === "gap") checkGap();
      const { positions } = parseResumeToken(token);
      const moved = [...positions].filter(
        ([accessor, position]) => places.get(accessor)?.position !== position,
      );
      for (const [accessor, position] of moved) moveTo(accessor, position);
      if (event.kind !== "gap" && event.kind !== "expiringSoon") checkTrue(event, moved);
    },
    missing() {
      if (!hasBegun) return `${name} has not begun to watch`;
      for (const accessor of history.accessors) {
        const after = places.get(accessor)?.position ?? "";
        const unheard = history
          .shown(accessor, prefix, { after })
          .find(({ position }) => history.isKept(accessor, position));
        if (unheard) return `${name} did not hear of ${unheard.position} ${unheard.kind} ${unheard.leaseId}`;
      }
      return undefined;
    },
  };
}
