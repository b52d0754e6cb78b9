/** One call as it ended. */
export interface RecordedCall {
  /** The action's name; `(unknown)` for one that the simulator does not have. */
  readonly action: string;
  readonly atMs: number;
  /** The access key id the call was signed with, whether or not it was accepted. */
  readonly accessKeyId: string | undefined;
  /** `OK`, `lost` (in effect, reply not sent), or the code of the error, with `after effect` where it had one. */
  readonly outcome: string;
  /** The user the call names; undefined when it names none. */
  readonly user: string | undefined;
}

const callsKept = 10_000;

/** What was called, in order: the last ten thousand calls, and counts of all. */
export class CallLog {
  readonly #ring: RecordedCall[] = [];
  readonly #counts = new Map<string, Map<string, number>>();
  #total = 0;

  /** Adds a call. */
  add(call: RecordedCall): void {
    this.#ring[this.#total % callsKept] = call;
    this.#total += 1;
    const outcomes = this.#counts.get(call.action) ?? new Map<string, number>();
    outcomes.set(call.outcome, (outcomes.get(call.outcome) ?? 0) + 1);
    this.#counts.set(call.action, outcomes);
  }

  /** How many calls there were, forgotten ones included. */
  get total(): number {
    return this.#total;
  }

  /** The last calls, oldest first. */
  recent(limit: number = callsKept): RecordedCall[] {
    const oldest = this.#total % callsKept;
    const isFull = this.#total > callsKept;
    const ordered = isFull ? [...this.#ring.slice(oldest), ...this.#ring.slice(0, oldest)] : [...this.#ring];
    return limit <= 0 ? [] : ordered.slice(-limit);
  }

  /** How many calls ended how, by action and outcome. */
  counts(): Record<string, Record<string, number>> {
    return Object.fromEntries(
      Array.from(this.#counts, ([action, outcomes]) => [action, Object.fromEntries(outcomes)]),
    );
  }

  /** Forgets everything. */
  clear(): void {
    this.#ring.length = 0;
    this.#counts.clear();
    this.#total = 0;
  }
}
