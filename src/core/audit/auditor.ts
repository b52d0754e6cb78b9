import type { AuditEntry, AuditedCall } from "./audit-entry.ts";
import type { AuditLog } from "./audit-log.ts";

/** Writes down what is asked and what is answered, before either has an effect outside. */
export interface Auditor {
  /**
   * Writes the call down, does it, and writes down what came of it before that is answered. Where that cannot be written, what was
   * made is taken back. Throws `AUDIT_UNAVAILABLE`, and what `work` throws. Where there are no sinks it adds nothing.
   */
  around<Output>(
    call: AuditedCall,
    work: () => Promise<Output>,
    takeBack: (output: Output) => void,
  ): Promise<Output>;
  /** Writes down a call that was refused before it was looked at. Never rejects: it is refused either way. */
  refused(call: AuditedCall, error: unknown): Promise<void>;
}

/** Makes the auditor over a log. */
export function createAuditor(options: {
  readonly log: Pick<AuditLog, "isOn" | "write">;
  readonly nowMs: () => number;
}): Auditor {
  const { log, nowMs } = options;

  const write = (entry: Omit<AuditEntry, "atMs">): Promise<void> => log.write({ ...entry, atMs: nowMs() });

  const refused = async (call: AuditedCall, error: unknown): Promise<void> => {
    if (log.isOn()) await write({ type: "response", call, error }).catch(() => {});
  };

  return {
    refused,
    async around(call, work, takeBack) {
      if (log.isOn()) await write({ type: "request", call });
      let output: Awaited<ReturnType<typeof work>>;
      try {
        output = await work();
      } catch (error) {
        await refused(call, error);
        throw error;
      }
      // It may have been the call that brought the first sink, or that took the last one away.
      if (!log.isOn()) return output;
      try {
        const told = typeof output === "object" && output !== null ? output : {};
        await write({ type: "response", call, output: told });
      } catch (error) {
        takeBack(output);
        throw error;
      }
      return output;
    },
  };
}
