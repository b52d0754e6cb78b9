/**
 * The number within the position of an event, `<ms>-<number>`: the events of a mount are numbered from 1 without a
 * hole, so that numbers tell what is missing. 0 for `""`, the position before the first. Throws for what is no position.
 */
export function eventNumber(position: string): number {
  if (position === "") return 0;
  const number = /^\d{1,15}-(\d{1,15})$/.exec(position)?.[1];
  if (number === undefined) throw new Error(`${JSON.stringify(position)} is not the position of an event.`);
  return Number(number);
}

/** Says whether events are missing between the position `after` and the first of those that were read after it. */
export function hasGapAfter(after: string, events: readonly { readonly position: string }[]): boolean {
  const first = events[0];
  return first !== undefined && eventNumber(first.position) !== eventNumber(after) + 1;
}
