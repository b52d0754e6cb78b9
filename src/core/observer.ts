import type { Clock } from "./clock.ts";
import { surveyDue } from "./due-survey.ts";
import { createEpochLedger, type Loss, type SeenMount } from "./epoch-ledger.ts";
import { hasCode } from "./errors.ts";
import type { LeaseStore } from "./lease-store.ts";
import { reasonsOf } from "./loss-words.ts";
import type { MountTable } from "./mount-table.ts";
import { createObserverDiary } from "./observer-diary.ts";
import type { ObserverMemory, RememberedObserving } from "./observer-memory.ts";
import type { OperatorMark, OperatorMarks } from "./operator-mark.ts";
import { readEpochs } from "./read-epochs.ts";
import type { OperatorStatus } from "./requests.ts";
import type { Telemetry } from "./telemetry.ts";

const tellEveryMs = 60_000;

/** Why a server observes that was told to. */
const askedReason =
  "LEASEHOLD_OBSERVE_ONLY is true: this server was started to observe only. Say go with: leasehold operator resume";

/** What the observer works with. */
export interface ObserverOptions {
  readonly leases: Pick<LeaseStore, "nowMs" | "epoch" | "count" | "peekDue">;
  readonly mounts: Pick<MountTable, "refresh" | "all">;
  readonly marks: OperatorMarks;
  /** Undefined where nothing is kept outside the storage. */
  readonly memory: ObserverMemory | undefined;
  /** Whether to observe from the start, whatever is found. */
  readonly isAsked: boolean;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
  /** Called when leases may be claimed again. */
  readonly onFree: () => void;
}

/** Decides whether this server may revoke by itself what is due, or only observes. */
export interface Observer {
  /** Compares the storage with what is remembered. Rejects where the storage is away or the memory cannot be read. */
  start(): Promise<void>;
  /** Reads the mounts anew, and looks whether anything of them was lost, or a person said go; called every second. */
  check(): Promise<void>;
  /** The storage was away: until the next check nobody knows whether it is the same one that comes back. */
  doubt(): void;
  /** Whether this server only observes: nothing that is due is revoked, until a person says go. */
  isObserving(): boolean;
  /** Whether leases of a mount that are due may be claimed now. */
  mayClaim(accessor: string): boolean;
  /** Whether it only observes, why, and what it leaves alone. */
  status(): Promise<OperatorStatus>;
  /** Ends observing on every server, for good; answers how many leases are due now. */
  resume(): Promise<{ readonly due: number }>;
  /** Writes down what was seen last. */
  stop(): Promise<void>;
}

interface Observing extends RememberedObserving {
  /** What a restart is to go on with; undefined where nothing is missing. While it is there, the known epochs stay as they are. */
  readonly lost: RememberedObserving | undefined;
  toldAtMs: number;
}

/**
 * Whether a person said go since. A mark that is older than the observing, or gone, is one of the storage as it was restored.
 */
function isGo({ resumedAtMs }: OperatorMark, { resumedBeforeMs, sinceMs }: RememberedObserving): boolean {
  return resumedAtMs > Math.max(resumedBeforeMs, sinceMs);
}

/** Makes an observer, which finds everything in order until it has started. */
export function createObserver(options: ObserverOptions): Observer {
  const { leases, mounts, marks, telemetry, clock } = options;
  const ledger = createEpochLedger();
  let observing: Observing | undefined;
  const diary = createObserverDiary({ ...options, ledger, observing: () => observing?.lost });
  /** Mounts that may be other ones than before. */
  let doubted: ReadonlySet<string> | "all" = new Set();
  let doubts = 0;
  let checking: Promise<void> | undefined;

  const fromNow = async (reasons: readonly string[], mark: OperatorMark): Promise<RememberedObserving> => {
    return { reasons, sinceMs: await leases.nowMs(), resumedBeforeMs: mark.resumedAtMs };
  };

  /** By the storage's clock as it is now: where that went back, the next go would else count as older than the observing. */
  const asOfNow = async (before: RememberedObserving, mark: OperatorMark): Promise<RememberedObserving> => ({
    ...before,
    sinceMs: Math.min(before.sinceMs, await leases.nowMs()),
    resumedBeforeMs: Math.max(before.resumedBeforeMs, mark.resumedAtMs),
  });

  const begin = (found: RememberedObserving, hasLosses: boolean): void => {
    const reasons = [...(observing?.reasons ?? []), ...found.reasons];
    const lost = hasLosses ? found : undefined;
    observing = { ...found, reasons, lost, toldAtMs: Number.NEGATIVE_INFINITY };
    telemetry.observing({ kind: "began", reasons });
  };

  const accept = async (seen: ReadonlyMap<string, SeenMount>): Promise<void> => {
    ledger.accept(seen, { seenAtMs: await leases.nowMs(), nowMs: clock.nowMs() });
  };

  /** Judges what is missing; afterwards either nothing is, or the server observes. */
  const judge = async (losses: readonly Loss[]): Promise<void> => {
    if (losses.length === 0) return;
    const mark = await marks.read();
    const unexplained = losses.filter(({ accessor }) => !mark.unmounted.includes(accessor));
    const serious = unexplained.filter(({ isTail }) => !isTail);
    // A person said go after this server saw the storage last, and so knew more.
    const isSettled = mark.resumedAtMs > ledger.remembered().seenAtMs;
    if (serious.length > 0 && !isSettled) {
      begin(await fromNow(reasonsOf(serious), mark), true);
    } else if (unexplained.length > 0 && !isSettled) {
      telemetry.observing({ kind: "tailLost", reasons: reasonsOf(unexplained) });
    }
  };

  const tell = async (): Promise<void> => {
    if (!observing || clock.nowMs() - observing.toldAtMs < tellEveryMs) return;
    observing.toldAtMs = clock.nowMs();
    telemetry.observing({ kind: "waiting", ...(await surveyDue(leases, mounts.all())) });
  };

  /** The mounts and their epochs. In a cluster, where the list is away, the mounts as they were listed last: their parts are there. */
  const see = async (): Promise<ReadonlyMap<string, SeenMount>> => {
    const away = await mounts.refresh().then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    if (away && !hasCode(away.error, "STORAGE_UNAVAILABLE")) throw away.error;
    const seen = await readEpochs(leases, mounts.all());
    if (away && ![...seen.values()].some(({ epoch }) => epoch !== undefined)) throw away.error;
    return seen;
  };

  const look = async (): Promise<void> => {
    const doubtsBefore = doubts;
    const seen = await see();
    if (observing && isGo(await marks.read(), observing)) {
      observing = undefined;
      await accept(seen);
      telemetry.observing({ kind: "ended" });
    } else if (!observing?.lost) {
      await judge(ledger.losses(seen));
      if (!observing?.lost) await accept(seen);
    }
    // Where the storage was lost once more meanwhile, what was seen may be the earlier one's.
    if (doubts === doubtsBefore) settleDoubts(seen);
    await diary.write(clock.nowMs());
    await tell();
  };

  const settleDoubts = (seen: ReadonlyMap<string, SeenMount>): void => {
    const unread = [...seen].filter(([, { epoch }]) => epoch === undefined).map(([accessor]) => accessor);
    const before = doubted;
    doubted = new Set(before === "all" ? unread : unread.filter((accessor) => before.has(accessor)));
    if (!observing && (before === "all" || before.size > doubted.size)) options.onFree();
  };

  const check = (): Promise<void> => {
    checking ??= look().finally(() => {
      checking = undefined;
    });
    return checking;
  };

  /** A check of what is there from now on, not from when one under way began. */
  const checkAnew = async (): Promise<void> => {
    await checking?.catch(() => {});
    await check();
  };

  /** Takes over what was written down, unless a person said go since: then what the storage holds is what counts. */
  const recall = async (mark: OperatorMark): Promise<void> => {
    const remembered = await options.memory?.read();
    const before = remembered?.observing;
    if (!remembered || (before && isGo(mark, before))) return;
    ledger.load(remembered);
    if (before) begin(await asOfNow(before, mark), true);
  };

  return {
    check,
    isObserving: () => observing !== undefined,
    mayClaim: (accessor) => !observing && doubted !== "all" && !doubted.has(accessor),
    doubt() {
      doubts += 1;
      doubted = "all";
    },
    async start() {
      doubted = "all";
      const mark = await marks.read();
      if (options.isAsked) begin(await fromNow([askedReason], mark), false);
      await recall(mark);
      await check();
    },
    async status() {
      if (!observing) {
        const none = { wouldRevoke: 0, wouldRevokeIds: [] };
        return { isObserveOnly: false, reasons: [], observingSinceMs: undefined, ...none };
      }
      const { reasons, sinceMs } = observing;
      const { count, ids } = await surveyDue(leases, mounts.all());
      return {
        isObserveOnly: true,
        reasons,
        observingSinceMs: sinceMs,
        wouldRevoke: count,
        wouldRevokeIds: ids,
      };
    },
    async resume() {
      // Whatever the storage's clock did since.
      await marks.noteResume(Math.max(await leases.nowMs(), (observing?.sinceMs ?? 0) + 1));
      // Counted before it begins to shrink.
      const { count } = await surveyDue(leases, mounts.all());
      const wasObserving = observing !== undefined;
      await checkAnew();
      if (wasObserving) {
        await diary.write(Number.POSITIVE_INFINITY);
        options.onFree();
      }
      return { due: count };
    },
    async stop() {
      if (!options.memory) return;
      try {
        await checkAnew();
      } catch {
        // The storage is away: what was seen last is what is written down.
      }
      await diary.write(Number.POSITIVE_INFINITY);
    },
  };
}
