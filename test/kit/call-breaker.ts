import { CoreError } from "../../src/core/errors.ts";

/** Breaks calls of a storage in memory as a test asks for it. */
export interface CallBreaker<Call extends string> {
  /** Runs one call to its end without a pause, so that it is atomic, and breaks it where it was asked for. */
  run<T>(call: Call, work: () => T): Promise<T>;
  /** Makes the next `times` calls of one method reject with `STORAGE_UNAVAILABLE`, before they changed anything or after they did. */
  breakNext(call: Call, when: "before" | "after", times?: number): void;
}

/** Makes a breaker that breaks nothing yet. */
export function createCallBreaker<Call extends string>(storageName: string): CallBreaker<Call> {
  const breaks = new Map<Call, ("before" | "after")[]>();
  const unavailable = (call: Call) =>
    new CoreError("STORAGE_UNAVAILABLE", `The test's ${storageName} broke "${call}".`);
  return {
    async run(call, work) {
      const when = breaks.get(call)?.shift();
      if (when === "before") throw unavailable(call);
      const result = work();
      if (when === "after") throw unavailable(call);
      return result;
    },
    breakNext(call, when, times = 1) {
      breaks.set(call, [...(breaks.get(call) ?? []), ...Array.from({ length: times }, () => when)]);
    },
  };
}
