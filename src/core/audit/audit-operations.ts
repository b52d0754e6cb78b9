import type { Operates } from "../operate.ts";
import type { AuditBook, AuditView } from "./audit-book.ts";
import type { AuditSinkType } from "./audit-sink.ts";

/** Inputs and outputs of the operations on audit sinks. */
export interface AuditOperations {
  readonly enableAudit: {
    readonly input: {
      readonly name: string;
      readonly type: AuditSinkType;
      readonly options: Readonly<Record<string, string>>;
    };
    readonly output: Record<never, never>;
  };
  readonly disableAudit: {
    readonly input: { readonly name: string };
    readonly output: Record<never, never>;
  };
  readonly listAudits: {
    readonly input: Record<never, never>;
    readonly output: { readonly audits: readonly AuditView[] };
  };
  /** Answers what stands in the lines of a sink in place of a value. */
  readonly hashAudit: {
    readonly input: { readonly name: string; readonly value: string };
    readonly output: { readonly hash: string };
  };
}

/** Makes the operations on audit sinks. */
export function auditOperations({ audits }: { readonly audits: AuditBook }): Operates<keyof AuditOperations> {
  return {
    async enableAudit({ name, type, options }) {
      await audits.enable(name, { type, options });
      return {};
    },
    async disableAudit({ name }) {
      await audits.disable(name);
      return {};
    },
    listAudits: async () => ({ audits: await audits.list() }),
    hashAudit: async ({ name, value }) => ({ hash: await audits.hash(name, value) }),
  };
}
