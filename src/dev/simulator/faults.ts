import { setTimeout as wait } from "node:timers/promises";
import { AwsError, awsError } from "./aws-error.ts";
import { type Fault, type FaultKind, parseFault } from "./fault.ts";

/** A fault that is set, and how often it has struck. */
export interface ActiveFault {
  readonly fault: Fault;
  readonly struck: number;
}

/** What a call is, for the choice of the faults that strike it. */
export interface FaultTarget {
  readonly action: string;
  /** Tells whether the call leaves the account as it is. */
  readonly isRead: boolean;
  /** The user the call names; undefined when it names none. */
  readonly user: string | undefined;
}

interface Slot {
  readonly fault: Fault;
  struck: number;
  /** What is left of the second's calls, by action, as AWS throttles each API by itself; under "" where they share one bucket. */
  readonly tokens: Map<string, { left: number; atMs: number }>;
}

type FaultOf<K extends FaultKind> = Extract<Fault, { kind: K }>;

const faultsMax = 100;

/** The faults that are set. They strike in the order they were set, without any chance: a run can be repeated. */
export class Faults {
  readonly #nowMs: () => number;
  readonly #slots: Slot[] = [];
  #cleared = Promise.withResolvers<void>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /**
   * Sets one more fault.
   *
   * @throws FaultSyntaxError when it makes no sense; Error when a hundred are set already.
   */
  add(fault: Fault): void {
    if (this.#slots.length >= faultsMax) {
      throw new RangeError(`Cannot set another fault: ${faultsMax} are set already. Clear them first.`);
    }
    this.#slots.push({ fault: parseFault(fault), struck: 0, tokens: new Map() });
  }

  /** The faults that are set, those that are over included. */
  list(): ActiveFault[] {
    return this.#slots.map(({ fault, struck }) => ({ fault, struck }));
  }

  /** Takes all faults away, and lets go of the calls that are held. */
  clear(): void {
    this.#slots.length = 0;
    this.#cleared.resolve();
    this.#cleared = Promise.withResolvers<void>();
  }

  /** Waits as long as a call has to before anything happens: for its latency, or until the faults are cleared. */
  async delay(target: FaultTarget): Promise<void> {
    if (this.#slots.length === 0) return;
    const isHeld = this.#strike("hold", target) !== undefined;
    const latencyMs = this.#strike("latency", target)?.ms ?? 0;
    if (isHeld) await this.#cleared.promise;
    if (latencyMs > 0) await wait(latencyMs);
  }

  /** The error that a call gets before it takes effect; undefined when it may go on. */
  refusal(target: FaultTarget): AwsError | undefined {
    if (this.#slots.length === 0) return undefined;
    if (this.#isThrottled(target)) return awsError("Throttling", "Rate exceeded");
    const refused = this.#strike("refuse", target);
    if (refused !== undefined) return new AwsError(refused.code, refused.status, refused.message);
    const failed = this.#strike("fail-before", target);
    return failed === undefined ? undefined : serviceFailure();
  }

  /** What becomes of the answer to a call that has had its effect. */
  afterEffect(target: FaultTarget): AwsError | "lose-reply" | undefined {
    if (this.#strike("lose-reply", target) !== undefined) return "lose-reply";
    return this.#strike("fail-after", target) === undefined ? undefined : serviceFailure();
  }

  /** How long what a call creates or deletes stays unseen, or seen, in milliseconds. */
  delayMs(kind: "creation-delay" | "deletion-delay", target: FaultTarget): number {
    return this.#strike(kind, target)?.ms ?? 0;
  }

  #aimed<K extends FaultKind>(kind: K, target: FaultTarget): (Slot & { fault: FaultOf<K> })[] {
    return this.#slots.filter(
      (slot): slot is Slot & { fault: FaultOf<K> } =>
        slot.fault.kind === kind &&
        (slot.fault.times === undefined || slot.struck < slot.fault.times) &&
        (slot.fault.actions === undefined || slot.fault.actions.includes(target.action)) &&
        (slot.fault.user === undefined || slot.fault.user.toLowerCase() === target.user?.toLowerCase()),
    );
  }

  #strike<K extends FaultKind>(kind: K, target: FaultTarget): FaultOf<K> | undefined {
    if (this.#slots.length === 0) return undefined;
    const slot = this.#aimed(kind, target)[0];
    if (slot === undefined) return undefined;
    slot.struck += 1;
    return slot.fault;
  }

  #isThrottled(target: FaultTarget): boolean {
    for (const slot of this.#aimed("throttle", target)) {
      const { callsPerSecond, isShared, isForWritesOnly } = slot.fault;
      if (isForWritesOnly && target.isRead) continue;
      const nowMs = this.#nowMs();
      const of = isShared ? "" : target.action;
      const bucket = slot.tokens.get(of) ?? { left: callsPerSecond, atMs: nowMs };
      const refilled = bucket.left + (Math.max(0, nowMs - bucket.atMs) * callsPerSecond) / 1000;
      const left = Math.min(callsPerSecond, refilled);
      const isOver = left < 1;
      slot.tokens.set(of, { left: isOver ? left : left - 1, atMs: nowMs });
      if (!isOver) continue;
      slot.struck += 1;
      return true;
    }
    return false;
  }
}

function serviceFailure(): AwsError {
  return awsError(
    "ServiceFailure",
    "The request processing has failed because of an unknown error or failure.",
  );
}
