import type { Clock } from "../clock.ts";
import type { MountStorage } from "../mount-storage.ts";
import type { Telemetry } from "../telemetry.ts";
import { type AuditBook, createAuditBook } from "./audit-book.ts";
import { createAuditLog } from "./audit-log.ts";
import type { OpenAuditSink } from "./audit-sink.ts";
import { type Auditor, createAuditor } from "./auditor.ts";

/** The audit of a server. */
export interface Audit {
  readonly book: AuditBook;
  readonly auditor: Auditor;
  /** Has all sinks open anew what they write to. */
  reopen(): Promise<void>;
}

/** Where no sinks can be opened, as in a test of something else. */
const openNone: OpenAuditSink = () => Promise.reject(new Error("This server opens no audit sinks."));

/** Assembles the audit. */
export function createAudit(options: {
  readonly storage: MountStorage;
  readonly openSink: OpenAuditSink | undefined;
  readonly telemetry: Pick<Telemetry, "backgroundFailed">;
  readonly clock: Clock;
}): Audit {
  const { storage, openSink = openNone, telemetry, clock } = options;
  const tell = (name: string, error: unknown): void =>
    telemetry.backgroundFailed(`writing to the audit sink "${name}"`, error);
  const log = createAuditLog({ clock, tell });
  return {
    book: createAuditBook({ storage, log, openSink, clock, tell }),
    auditor: createAuditor({ log, nowMs: () => clock.nowMs() }),
    reopen: log.reopen,
  };
}
