import type { Faults } from "./faults.ts";
import type { Process } from "./scheduler.ts";
import type { Trace } from "./trace.ts";

/** What happens at a call: the process dies before it goes out, or after its effect, or gets no time while it is under way. */
type Blow = "before" | "after" | { readonly stallMs: number };

/** Hits processes exactly where it hurts: at one of their changing calls. */
export interface CallPoints {
  /** Has a process hit at its changing call number `count` from now. */
  arm(process: Process, blow: Blow, count: number): void;
  /** Asked before a changing call is sent; true where the process is dead now. */
  isLastBefore(process: Process, call: string): boolean;
  /** Asked after the effect of a changing call; true where the process is dead now. */
  isLastAfter(process: Process, call: string): boolean;
}

/** Makes call points, none of them armed. */
export function createCallPoints(options: { readonly faults: Faults; readonly trace: Trace }): CallPoints {
  const { faults, trace } = options;
  const armed = new Map<Process, { readonly blow: Blow; left: number }>();
  const isLast = (process: Process, call: string, when: "before" | "after"): boolean => {
    const point = armed.get(process);
    if (!point || !process.isAlive) return !process.isAlive;
    const isStall = typeof point.blow === "object";
    if (isStall ? when === "after" : point.blow !== when) return false;
    point.left -= 1;
    if (point.left > 0) return false;
    armed.delete(process);
    if (typeof point.blow === "object") {
      faults.fired("server: stall past its claim");
      trace.add(`${process.name} stalls at ${call}`);
      process.stall(point.blow.stallMs);
      return false;
    }
    faults.fired(when === "before" ? "server: crash before a call" : "server: crash after a call");
    trace.add(`${process.name} dies ${when} ${call}`);
    process.kill();
    return true;
  };
  return {
    arm: (process, blow, count) => void armed.set(process, { blow, left: count }),
    isLastBefore: (process, call) => isLast(process, call, "before"),
    isLastAfter: (process, call) => isLast(process, call, "after"),
  };
}
