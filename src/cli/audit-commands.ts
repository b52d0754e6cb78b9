import type { Command } from "./command.ts";

const name = { name: "NAME" };

/** The commands about the audit. */
export const auditCommands: readonly Command[] = [
  {
    name: "audit enable",
    args: [{ name: "TYPE" }],
    flags: {
      name: { value: "NAME", summary: "name of the sink; its type where not given" },
      path: { value: "FILE", summary: "file of a sink of the type file, as the server sees it" },
      "syslog-address": { value: "ADDRESS", summary: "tcp://host:port, udp://host:port or unix:/path" },
    },
    summary: "Write every call and its answer to a sink: file, stdout or syslog.",
    details:
      'While there is a sink, a call that none of them could write down is not answered. Secrets stand\nthere as digests; "audit hash" finds them.',
    run: async (invocation) => (await import("./audit.ts")).enable(invocation),
  },
  {
    name: "audit list",
    args: [],
    summary: "List the audit sinks.",
    run: async (invocation) => (await import("./audit.ts")).list(invocation),
  },
  {
    name: "audit disable",
    args: [name],
    summary: "Write nothing more to an audit sink.",
    run: async (invocation) => (await import("./audit.ts")).disable(invocation),
  },
  {
    name: "audit hash",
    args: [name, { name: "VALUE" }],
    summary: "Show what stands in the lines of a sink in place of a value.",
    details: "VALUE may be - for the standard input, so that no other user sees it.",
    run: async (invocation) => (await import("./audit.ts")).hash(invocation),
  },
];
