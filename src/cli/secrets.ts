import type { JsonObject } from "@bufbuild/protobuf";
import type { Lease } from "../../gen/leasehold/v1/leases_pb.ts";
import { SecretService } from "../../gen/leasehold/v1/secrets_pb.ts";
import { readAssignments } from "./assignments.ts";
import { withSession } from "./client.ts";
import { flagValue, type Invocation } from "./command.ts";
import { UsageError } from "./errors.ts";
import { escapeText } from "./escape.ts";
import { Input } from "./input.ts";
import { leaseRows, leaseSummaryDocument } from "./lease-view.ts";
import { keyValueLines, tableLines } from "./output.ts";

/** `leasehold write PATH FIELD...`. */
export async function write(invocation: Invocation): Promise<number> {
  const path = invocation.arg("PATH");
  const data = await readAssignments(invocation.rest, new Input(invocation.io));
  const response = await withSession(invocation, (session) =>
    session.call(SecretService.method.write, { path, data }, { doing: `writing ${path}` }),
  );
  const { warnings, lease } = response;
  const isAnswered = lease !== undefined || Object.keys(response.data ?? {}).length > 0;
  const { output } = invocation;
  output.result(
    () => (isAnswered ? secretLines(response) : [`Success! Data written to: ${escapeText(path)}`]),
    () => ({ path, ...secretDocument(response) }),
  );
  output.warnings(warnings);
  return 0;
}

/** `leasehold read PATH [FIELD...]`. */
export async function read(invocation: Invocation): Promise<number> {
  const path = invocation.arg("PATH");
  const idempotencyKey = flagValue(invocation, "idempotency-key");
  if (idempotencyKey === "") throw new UsageError("--idempotency-key is empty");
  const parameters = await readAssignments(invocation.rest, new Input(invocation.io));
  const response = await withSession(invocation, (session) =>
    session.call(
      SecretService.method.read,
      { path, parameters, ...(idempotencyKey !== undefined && { idempotencyKey }) },
      { doing: `reading ${path}` },
    ),
  );
  const { output } = invocation;
  output.result(
    () => secretLines(response),
    () => secretDocument(response),
  );
  output.warnings(response.warnings);
  return 0;
}

/** `leasehold list PATH`. */
export async function list(invocation: Invocation): Promise<number> {
  const path = invocation.arg("PATH");
  const { keys } = await withSession(invocation, (session) =>
    session.call(SecretService.method.list, { path }, { doing: `listing ${path}` }),
  );
  const { output } = invocation;
  output.result(
    () => (keys.length > 0 ? tableLines([["Keys"], ["----"], ...keys.map((key) => [key])]) : []),
    () => keys,
  );
  if (keys.length === 0) output.note(`No keys under ${path}`);
  return 0;
}

/** `leasehold delete PATH`. */
export async function remove(invocation: Invocation): Promise<number> {
  const path = invocation.arg("PATH");
  const { warnings } = await withSession(invocation, (session) =>
    session.call(SecretService.method.delete, { path }, { doing: `deleting ${path}` }),
  );
  const { output } = invocation;
  output.result(
    () => [`Success! Data deleted (if it existed) at: ${escapeText(path)}`],
    () => ({ path, warnings }),
  );
  output.warnings(warnings);
  return 0;
}

/** What a path answered: the lease where there is one, and the data in the order it came in. */
type Secret = { data?: JsonObject | undefined; lease?: Lease | undefined; warnings: string[] };

function secretLines({ lease, data }: Secret): string[] {
  return keyValueLines([...(lease ? leaseRows(lease) : []), ...Object.entries(data ?? {})]);
}

function secretDocument({ lease, data, warnings }: Secret): JsonObject {
  return { ...leaseSummaryDocument(lease), data: data ?? null, warnings };
}
