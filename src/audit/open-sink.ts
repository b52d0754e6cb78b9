import type { AuditSinkSettings, OpenAuditSink } from "../core/audit/audit-sink.ts";
import { quote } from "../core/errors.ts";
import { invalidField } from "../core/field.ts";
import { openFileSink } from "./file-sink.ts";
import { openStdoutSink } from "./stdout-sink.ts";
import { openSyslogSink } from "./syslog-sink.ts";

/** What each kind of sink takes. */
const optionsOf: Readonly<Record<AuditSinkSettings["type"], readonly string[]>> = {
  file: ["path"],
  stdout: [],
  syslog: ["address"],
};

/** Makes what opens audit sinks. */
export function createOpenSink(stdout: Parameters<typeof openStdoutSink>[0]): OpenAuditSink {
  return async ({ type, options }) => {
    const takes = optionsOf[type];
    const stray = Object.keys(options).find((name) => !takes.includes(name));
    if (stray !== undefined)
      throw invalidField(stray, `is nothing that a sink of the type ${quote(type)} takes.`);
    const missing = takes.find((name) => options[name] === undefined || options[name] === "");
    if (missing !== undefined)
      throw invalidField(missing, `is missing: a sink of the type ${quote(type)} needs it.`);
    if (type === "file") return await openFileSink(options.path ?? "");
    return type === "syslog" ? await openSyslogSink(options.address ?? "") : openStdoutSink(stdout);
  };
}
