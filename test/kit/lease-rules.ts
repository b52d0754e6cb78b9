import type { LeaseState } from "../../src/core/lease.ts";
import type { StoredLease } from "../../src/core/lease-store.ts";
import type { LeaseStep } from "./lease-step.ts";

/** Which call may move a lease from one state to another; `none` stands for no lease. */
const moves: Readonly<Record<string, readonly LeaseStep["call"][]>> = {
  "none>issuing": ["begin"],
  "issuing>active": ["activate"],
  "active>issuing": ["reopen"],
  "issuing>revoking": ["claim", "claimDue", "disarmed", "fail"],
  "active>revoking": ["claim", "claimDue", "disarmed", "fail"],
  "irrevocable>revoking": ["claim", "claimDue"],
  "issuing>irrevocable": ["fail"],
  "active>irrevocable": ["fail"],
  "revoking>irrevocable": ["fail"],
  "issuing>none": ["finish"],
  "active>none": ["finish"],
  "revoking>none": ["finish"],
};

/** What is wrong about a lease before and after one call; undefined where all is right. */
export function brokenRule(
  call: LeaseStep["call"],
  before: StoredLease | undefined,
  after: StoredLease | undefined,
): string | undefined {
  const [from, to]: (LeaseState | "none")[] = [before?.state ?? "none", after?.state ?? "none"];
  if (from !== to && !moves[`${from}>${to}`]?.includes(call)) return `${call} moved it from ${from} to ${to}`;
  if (!after) return undefined;
  if (after.state === "active" && after.dueAtMs !== after.expiresAtMs)
    return "it is active, and due elsewhen";
  if (after.state === "issuing" && after.dueAtMs > after.expiresAtMs)
    return "it may be issued past its expiry";
  if (after.state === "issuing" && after.fence === "") return "it is issuing, and nobody issues it";
  if (!before) return undefined;
  if (after.attempts < before.attempts) return "attempts were forgotten";
  if (after.attempts === before.attempts && after.backoffEndsAtMs !== before.backoffEndsAtMs)
    return "its back-off changed, and no attempt was used";
  if (before.disarmedAtMs !== undefined && after.disarmedAtMs !== before.disarmedAtMs)
    return "it was disarmed, and is so no more";
  if (after.expiresAtMs > before.expiresAtMs && call !== "renew") return `${call} made it live longer`;
  const wasEnding = before.state === "revoking" || before.state === "irrevocable";
  if (wasEnding && after.expiresAtMs !== before.expiresAtMs) return "it was ending, and its expiry moved";
  return undefined;
}
