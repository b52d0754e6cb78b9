import { Capability, PolicyService } from "../../gen/leasehold/v1/policies_pb.ts";
import { withSession } from "./client.ts";
import type { Invocation } from "./command.ts";
import { UsageError } from "./errors.ts";
import { escapeText } from "./escape.ts";
import { Input } from "./input.ts";
import { keyValueLines } from "./output.ts";

/** `leasehold policy write NAME @file|-`. */
export async function write(invocation: Invocation): Promise<number> {
  const name = invocation.arg("NAME");
  const source = invocation.arg("POLICY");
  if (source !== "-" && !source.startsWith("@"))
    throw new UsageError("POLICY must be @file, or - for the standard input");
  const input = new Input(invocation.io);
  const subject = `the policy "${name}"`;
  const policy = await (source === "-" ? input.stdin(subject) : input.file(source.slice(1), subject));
  await withSession(invocation, (session) =>
    session.call(PolicyService.method.write, { name, policy }, { doing: `writing the policy ${name}` }),
  );
  invocation.output.result(
    () => [`The policy '${escapeText(name)}' was written.`],
    () => ({ name }),
  );
  return 0;
}

/** `leasehold policy read NAME`. */
export async function read(invocation: Invocation): Promise<number> {
  const name = invocation.arg("NAME");
  const { policy } = await withSession(invocation, (session) =>
    session.call(PolicyService.method.read, { name }, { doing: `reading the policy ${name}` }),
  );
  invocation.output.result(
    () => policy.split("\n").map(escapeText),
    () => ({ name, policy }),
  );
  return 0;
}

/** `leasehold policy list`. */
export async function list(invocation: Invocation): Promise<number> {
  const { names } = await withSession(invocation, (session) =>
    session.call(PolicyService.method.list, {}, { doing: "listing the policies" }),
  );
  invocation.output.result(
    () => names.map(escapeText),
    () => ({ names }),
  );
  return 0;
}

/** `leasehold policy delete NAME`. */
export async function remove(invocation: Invocation): Promise<number> {
  const name = invocation.arg("NAME");
  await withSession(invocation, (session) =>
    session.call(PolicyService.method.delete, { name }, { doing: `deleting the policy ${name}` }),
  );
  invocation.output.result(
    () => [`The policy '${escapeText(name)}' is gone.`],
    () => ({ name }),
  );
  return 0;
}

/** `leasehold policy test NAME PATH CAPABILITY`. */
export async function test(invocation: Invocation): Promise<number> {
  const names = invocation.arg("NAME").split(",");
  const path = invocation.arg("PATH");
  const request = { names, path, capability: capabilityOf(invocation.arg("CAPABILITY")) };
  const { allowed, rule, policies, reason } = await withSession(invocation, (session) =>
    session.call(PolicyService.method.test, request, { doing: `testing ${path}` }),
  );
  invocation.output.result(
    () =>
      keyValueLines([
        ["allowed", allowed],
        ["rule", rule === "" ? "none" : rule],
        ["policies", policies],
        ["reason", reason],
      ]),
    () => ({ allowed, rule: rule || null, policies, reason }),
  );
  return allowed ? 0 : 1;
}

function capabilityOf(text: string): Capability {
  const known = Object.entries(Capability).filter(([, value]) => value !== Capability.UNSPECIFIED);
  const [, found] = known.find(([name]) => name === text.toUpperCase()) ?? [];
  if (typeof found === "number") return found;
  const names = known.map(([name]) => `"${name.toLowerCase()}"`).filter((name) => !/\d/.test(name));
  throw new UsageError(`CAPABILITY is "${text}"; it must be one of ${names.join(", ")}`);
}
