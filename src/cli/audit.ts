import { AuditService } from "../../gen/leasehold/v1/audit_pb.ts";
import { withSession } from "./client.ts";
import { flagValue, type Invocation } from "./command.ts";
import { UsageError } from "./errors.ts";
import { escapeText } from "./escape.ts";
import { Input } from "./input.ts";
import { tableLines } from "./output.ts";

const types = ["file", "stdout", "syslog"];

/** Each option of a sink, and its flag: `--address` alone is where the server is. */
const optionFlags = [
  ["path", "path"],
  ["address", "syslog-address"],
] as const;

/** `leasehold audit enable TYPE`. */
export async function enable(invocation: Invocation): Promise<number> {
  const type = invocation.arg("TYPE");
  if (!types.includes(type)) throw new UsageError(`TYPE is "${type}"; it must be one of ${types.join(", ")}`);
  const name = flagValue(invocation, "name") ?? type;
  const options = Object.fromEntries(
    optionFlags.flatMap(([key, flag]) => {
      const value = flagValue(invocation, flag);
      return value === undefined ? [] : [[key, value]];
    }),
  );
  await withSession(invocation, (session) =>
    session.call(
      AuditService.method.enable,
      { name, type, options },
      { doing: `enabling the audit sink ${name}` },
    ),
  );
  invocation.output.result(
    () => [`Every call is written to '${escapeText(name)}' from now on.`],
    () => ({ name, type, options }),
  );
  return 0;
}

/** `leasehold audit list`. */
export async function list(invocation: Invocation): Promise<number> {
  const { sinks } = await withSession(invocation, (session) =>
    session.call(AuditService.method.list, {}, { doing: "listing the audit sinks" }),
  );
  invocation.output.result(
    () =>
      tableLines([
        ["Name", "Type", "Open", "Options"],
        ...sinks.map(({ name, type, open, options }) => [
          name,
          type,
          open ? "yes" : "no",
          JSON.stringify(options),
        ]),
      ]),
    () => ({ sinks: sinks.map(({ name, type, open, options }) => ({ name, type, open, options })) }),
  );
  return 0;
}

/** `leasehold audit disable NAME`. */
export async function disable(invocation: Invocation): Promise<number> {
  const name = invocation.arg("NAME");
  await withSession(invocation, (session) =>
    session.call(AuditService.method.disable, { name }, { doing: `disabling the audit sink ${name}` }),
  );
  invocation.output.result(
    () => [`Nothing more is written to '${escapeText(name)}'.`],
    () => ({ name }),
  );
  return 0;
}

/** `leasehold audit hash NAME VALUE|-`. */
export async function hash(invocation: Invocation): Promise<number> {
  const name = invocation.arg("NAME");
  const given = invocation.arg("VALUE");
  // Whoever pipes a value rarely means the newline at its end.
  const value = given === "-" ? (await new Input(invocation.io).stdin("VALUE")).replace(/\n$/, "") : given;
  const found = await withSession(invocation, (session) =>
    session.call(AuditService.method.hash, { name, value }, { doing: `hashing for the audit sink ${name}` }),
  );
  invocation.output.result(
    () => [found.hash],
    () => ({ hash: found.hash }),
  );
  return 0;
}
