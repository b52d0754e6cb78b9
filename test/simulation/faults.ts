import type { Random } from "./random.ts";
import type { Trace } from "./trace.ts";

/** Everything that can go wrong in a run. */
export const faultKinds = [
  "redis: connection reset",
  "redis: reply lost",
  "redis: slow",
  "redis: paused",
  "redis: black hole",
  "redis: out of memory",
  "redis: restart, nothing lost",
  "redis: restart, tail lost",
  "redis: failover, tail lost",
  "redis: failover, acknowledged kept",
  "redis: restored from a backup",
  "redis: emptied",
  "redis: keyring lost",
  "redis: keyring replaced",
  "redis: clock forward",
  "redis: clock back",
  "redis: events cut",
  "redis: events late",
  "redis: event key gone",
  "aws: throttled",
  "aws: error before effect",
  "aws: error after effect",
  "aws: reply lost",
  "aws: effect after time-out",
  "aws: unreachable",
  "aws: black hole",
  "aws: access denied",
  "aws: delete conflict",
  "aws: slow",
  "aws: one mount hangs",
  "aws: creation seen late",
  "aws: deletion seen late",
  "server: crash",
  "server: crash before a call",
  "server: crash after a call",
  "server: stall",
  "server: stall past its claim",
  "server: clock jump",
  "server: restart in order",
  "server: only observes",
  "caller: hung up",
  "caller: reply lost",
  "caller: sent again",
  "watcher: hung up",
  "watcher: lagging",
  "watcher: told of a gap",
] as const;

/** One kind of fault. */
export type FaultKind = (typeof faultKinds)[number];

/** Faults that make no lease of another caller, or of another mount, end late. */
const harmless = /^(caller|watcher|aws: one mount hangs)/;

/** A time in which calls are struck by a fault. Times are true ones. */
export interface FaultWindow {
  readonly kind: FaultKind;
  readonly fromMs: number;
  readonly toMs: number;
  /** How probable it is that a call is struck. */
  readonly rate: number;
}

/** The faults of a run, and how often each has struck. */
export interface Faults {
  /** Opens a window. */
  open(window: FaultWindow): void;
  /** Says whether a fault strikes this call, and counts it if so. */
  strikes(kind: FaultKind): boolean;
  /** Says whether a window is open, without counting. */
  isOpen(kind: FaultKind): boolean;
  /** Counts a fault that was done. */
  fired(kind: FaultKind): void;
  readonly counts: ReadonlyMap<FaultKind, number>;
  /** True time of the last fault that may make any lease end late; -Infinity where there was none. */
  readonly lastAtMs: number;
}

/** Makes faults without any window yet. */
export function createFaults(options: {
  readonly nowMs: () => number;
  readonly random: Random;
  readonly trace: Trace;
}): Faults {
  const { nowMs, random, trace } = options;
  const windows = new Map<FaultKind, FaultWindow[]>();
  const counts = new Map<FaultKind, number>();
  let lastAtMs = Number.NEGATIVE_INFINITY;

  const openWindow = (kind: FaultKind): FaultWindow | undefined =>
    windows.get(kind)?.find(({ fromMs, toMs }) => fromMs <= nowMs() && nowMs() < toMs);
  const fired = (kind: FaultKind): void => {
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    if (!harmless.test(kind)) lastAtMs = nowMs();
    trace.add(`fault ${kind}`);
  };

  return {
    counts,
    get lastAtMs() {
      return lastAtMs;
    },
    fired,
    isOpen: (kind) => openWindow(kind) !== undefined,
    open(window) {
      windows.set(window.kind, [...(windows.get(window.kind) ?? []), window]);
    },
    strikes(kind) {
      const window = openWindow(kind);
      if (!window || !random.chance(window.rate)) return false;
      fired(kind);
      return true;
    },
  };
}
