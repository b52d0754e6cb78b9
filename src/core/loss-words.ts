import type { Loss } from "./epoch-ledger.ts";
import { quote } from "./errors.ts";

const mountsNamedMax = 20;

const timeOf = (ms: number): string => new Date(ms).toISOString();

function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** A loss as a sentence for a person: which mount, the numbers, and the time. */
export function wordsOf({ accessor, known, seenAtMs, epoch, isTail }: Loss): string {
  const mount = `Mount ${quote(known.path)} (${accessor})`;
  const then = `with ${countOf(known.leases, "lease")}, at ${timeOf(seenAtMs)}`;
  if (epoch === undefined && isTail)
    return `${mount} was new ${then}, and is missing now: Redis has lost its last writes.`;
  if (epoch === undefined) {
    return `${mount} was there ${then}, and is missing now: Redis was emptied, or restored from a backup that is older than the mount.`;
  }
  const missing = countOf(known.epoch - epoch, "change");
  return (
    `${mount} was at epoch ${known.epoch}, ${then}, and is at epoch ${epoch} now: ${missing} of it ` +
    `${known.epoch - epoch === 1 ? "is" : "are"} missing. Redis was restored from a backup, or has lost its last writes.`
  );
}

/** Losses as reasons, at most 21: the first ones, and how many more there are. */
export function reasonsOf(losses: readonly Loss[]): readonly string[] {
  const named = losses.slice(0, mountsNamedMax).map(wordsOf);
  const more = losses.length - named.length;
  return more > 0 ? [...named, `The same goes for ${countOf(more, "more mount")}.`] : named;
}
