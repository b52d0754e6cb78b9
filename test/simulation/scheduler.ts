import type { Clock } from "../../src/core/clock.ts";
import { createEventQueue, type QueuedEvent } from "./event-queue.ts";
import type { Random } from "./random.ts";

/** What an event of a process is: one of its timers, or something that came over the network. */
type EventKind = "timer" | "network";

interface Event extends QueuedEvent {
  readonly run: () => void;
  /** Undefined for what happens outside of every process. */
  readonly owner: OwnedProcess | undefined;
  readonly kind: EventKind;
  isCancelled: boolean;
}

/** A server process: code that runs when its events come, until it is killed. */
export interface Process {
  readonly name: string;
  readonly isAlive: boolean;
  /** True while it gets no processor time. */
  readonly isStalled: boolean;
  /** Its own clock, and its timers. */
  readonly clock: Clock;
  /** Has it run something after `ms`, unless it is dead by then. The answer calls that off. */
  after(ms: number, run: () => void, kind?: EventKind): () => void;
  /** Ends it as SIGKILL does: nothing of it runs any more, and no promise of it settles. */
  kill(): void;
  /** How long it got no processor time, at the longest. */
  readonly longestStallMs: number;
  /** Takes the processor away for `ms`: its events wait, and then come all at once. */
  stall(ms: number): void;
  /** Sets its clock forward or back, as seen from the outside; timers do not mind. */
  jumpClock(ms: number): void;
  /** Tells of its death. */
  onKill(listener: () => void): void;
}

interface OwnedProcess extends Process {
  readonly waiting: Event[];
}

/** Virtual time, and all that happens in it, one event after the other. */
export interface Scheduler {
  /** True time, in milliseconds since 1970; clocks of processes and servers differ from it. */
  nowMs(): number;
  /** Has something happen outside of every process after `ms`. */
  after(ms: number, run: () => void): void;
  spawn(name: string): Process;
  /** Runs events until true time reaches `untilMs`, or `isDone` says so. */
  run(untilMs: number, isDone?: () => boolean): Promise<void>;
  /** How many events ran. */
  readonly eventCount: number;
}

/** Lets all code run that waits for nothing but promises. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Makes virtual time that begins at a fixed date. `random` decides only what order a stalled process catches up in. */
export function createScheduler(random: Random): Scheduler {
  const queue = createEventQueue<Event>();
  let nowMs = Date.parse("2026-01-01T00:00:00Z");
  let order = 0;
  let eventCount = 0;

  const push = (ms: number, event: Pick<Event, "run" | "owner" | "kind">): Event => {
    const pushed: Event = { ...event, atMs: nowMs + Math.max(0, ms), order: order++, isCancelled: false };
    queue.push(pushed);
    return pushed;
  };

  const spawn = (name: string): Process => {
    let isAlive = true;
    let isStalled = false;
    let longestStallMs = 0;
    let offsetMs = 0;
    const waiting: Event[] = [];
    const deathListeners: (() => void)[] = [];
    const after: Process["after"] = (ms, run, kind = "timer") => {
      const event = push(ms, { run, owner: self, kind });
      return () => {
        event.isCancelled = true;
      };
    };
    const resume = (): void => {
      isStalled = false;
      // After a pause an event loop may find its timers first, or what came in from the network.
      const first: EventKind | "oldest" = random.pick(["timer", "network", "oldest"]);
      const late = waiting.splice(0);
      const ordered =
        first === "oldest"
          ? late
          : [...late.filter(({ kind }) => kind === first), ...late.filter(({ kind }) => kind !== first)];
      for (const event of ordered) if (!event.isCancelled) moveToNow(event);
    };
    /** Keeps the event itself, so that it can still be called off. */
    const moveToNow = (event: Event): void => {
      const moved = push(0, { run: () => event.isCancelled || event.run(), owner: self, kind: event.kind });
      if (event.isCancelled) moved.isCancelled = true;
    };
    const self: OwnedProcess = {
      name,
      waiting,
      get isAlive() {
        return isAlive;
      },
      get longestStallMs() {
        return longestStallMs;
      },
      get isStalled() {
        return isStalled;
      },
      clock: {
        nowMs: () => Math.floor(nowMs + offsetMs),
        sleep: (ms, signal) =>
          new Promise((resolve) => {
            if (signal?.aborted) return resolve();
            const done = (): void => {
              cancel();
              signal?.removeEventListener("abort", done);
              resolve();
            };
            const cancel = after(ms, done);
            signal?.addEventListener("abort", done, { once: true });
          }),
      },
      after,
      kill() {
        if (!isAlive) return;
        isAlive = false;
        waiting.length = 0;
        for (const listener of deathListeners) listener();
      },
      stall(ms) {
        if (isStalled || !isAlive) return;
        isStalled = true;
        longestStallMs = Math.max(longestStallMs, ms);
        push(ms, { run: resume, owner: undefined, kind: "timer" });
      },
      jumpClock(ms) {
        offsetMs += ms;
      },
      onKill: (listener) => void deathListeners.push(listener),
    };
    return self;
  };

  return {
    nowMs: () => nowMs,
    after: (ms, run) => void push(ms, { run, owner: undefined, kind: "network" }),
    spawn,
    get eventCount() {
      return eventCount;
    },
    async run(untilMs, isDone = () => false) {
      await settle();
      for (let event = queue.peek(); event && event.atMs <= untilMs && !isDone(); event = queue.peek()) {
        queue.pop();
        const { owner } = event;
        if (event.isCancelled || (owner && !owner.isAlive)) continue;
        nowMs = Math.max(nowMs, event.atMs);
        if (owner?.isStalled) {
          owner.waiting.push(event);
          continue;
        }
        eventCount += 1;
        event.run();
        // What happens outside of the processes settles no promise of theirs.
        if (owner) await settle();
      }
      if (!isDone()) nowMs = Math.max(nowMs, untilMs);
    },
  };
}
