import type { DueSurvey } from "./due-survey.ts";
import type { ErrorCode } from "./errors.ts";
import type { OperationName } from "./requests.ts";

/**
 * What made the expirer look: an `expired` event, its own timer, its start or a gap in the events, or
 * its backlog: more was due than it could take at once, or many leases were revoked by one request.
 */
export type WakeSource = "event" | "timer" | "start" | "backlog";

/** What a person should hear about observing. */
export type ObserverNotice =
  /** The server has begun to observe only, and why. */
  | { readonly kind: "began"; readonly reasons: readonly string[] }
  /** What is due and left alone; told every minute. */
  | ({ readonly kind: "waiting" } & DueSurvey)
  /** The server revokes again. */
  | { readonly kind: "ended" }
  /** The storage has lost its newest changes, as a failover does, and the server goes on. */
  | { readonly kind: "tailLost"; readonly reasons: readonly string[] };

/** What the core tells whoever counts: for metrics and the log, never for decisions. Implementations do not throw. */
export interface Telemetry {
  /** A request was answered. */
  handled(operation: OperationName, outcome: ErrorCode | "OK"): void;
  /** A lease came due and was claimed. */
  claimed(source: WakeSource): void;
  /** A lease was issued. */
  issued(mountType: string): void;
  /** A lease has ended. `latenessMs` is the time since it was due; undefined where a person asked for its end. */
  revoked(mountType: string, latenessMs: number | undefined): void;
  /** An attempt to revoke failed; it will be tried again. A person should hear of it where it is irrevocable, and was not before. */
  revocationFailed(lease: {
    readonly id: string;
    readonly isIrrevocable: boolean;
    readonly wasIrrevocable: boolean;
    readonly error: string;
  }): void;
  /** Something about observing; see the notice. */
  observing(notice: ObserverNotice): void;
  /** Something in the background failed that no caller waits for. */
  backgroundFailed(what: string, error: unknown): void;
}
