import { type Lease, LeaseService } from "../../gen/leasehold/v1/leases_pb.ts";
import { type Session, withSession } from "./client.ts";
import { flagValue, type Invocation } from "./command.ts";
import { UnfinishedError, UsageError } from "./errors.ts";
import { escapeText } from "./escape.ts";
import { parseFlagDuration } from "./flag-duration.ts";
import {
  leaseDetailRows,
  leaseDocument,
  leaseRows,
  leaseTable,
  parseState,
  stateName,
} from "./lease-view.ts";
import { pendingText, revocationTimeoutMs } from "./mounts.ts";
import { keyValueLines, tableLines } from "./output.ts";

/** Most that the server puts into one page of leases. */
const pageSizeMax = 1000;

/** `leasehold renew LEASE_ID`. */
export async function renew(invocation: Invocation): Promise<number> {
  const leaseId = invocation.arg("LEASE_ID");
  const text = flagValue(invocation, "increment");
  const increment = text === undefined ? undefined : parseFlagDuration("increment", text);
  if (increment && increment.seconds === 0n && increment.nanos === 0) {
    throw new UsageError(
      `--increment is "${text}"; it must be longer than 0. To end a lease, run "leasehold revoke"`,
    );
  }
  const { lease, warnings } = await withSession(invocation, (session) =>
    session.call(
      LeaseService.method.renew,
      { leaseId, ...(increment && { increment }) },
      { doing: `renewing ${leaseId}` },
    ),
  );
  const { output } = invocation;
  output.result(
    () => keyValueLines(lease ? leaseRows(lease) : [["lease_id", leaseId]]),
    () => ({ ...(lease ? leaseDocument(lease) : { lease_id: leaseId }), warnings }),
  );
  output.warnings(warnings);
  return 0;
}

/** `leasehold revoke [--prefix] LEASE_ID`. */
export async function revoke(invocation: Invocation): Promise<number> {
  const leaseId = invocation.arg("LEASE_ID");
  if (invocation.flags.has("prefix")) return revokePrefix(invocation, leaseId);
  const { warnings } = await withSession(invocation, (session) =>
    session.call(LeaseService.method.revoke, { leaseId }, { doing: `revoking ${leaseId}` }),
  );
  const { output } = invocation;
  output.result(
    () => [`Key revoked with ID '${escapeText(leaseId)}'.`],
    () => ({ lease_id: leaseId, warnings }),
  );
  output.warnings(warnings);
  return 0;
}

async function revokePrefix(invocation: Invocation, prefix: string): Promise<number> {
  const { revoked, pending } = await withSession(invocation, (session) =>
    session.call(
      LeaseService.method.revokePrefix,
      { prefix },
      { doing: `revoking ${prefix}`, timeoutMs: revocationTimeoutMs },
    ),
  );
  const isDone = pending === 0n;
  invocation.output.result(
    () =>
      isDone ? [`Revoked ${revoked} lease${revoked === 1n ? "" : "s"} under '${escapeText(prefix)}'.`] : [],
    () => ({ prefix, revoked: Number(revoked), pending: Number(pending) }),
  );
  if (isDone) return 0;
  throw new UnfinishedError(`revoking ${prefix}: ${pendingText({ revoked, pending })}`);
}

/** `leasehold lease lookup LEASE_ID`. */
export async function lookup(invocation: Invocation): Promise<number> {
  const leaseId = invocation.arg("LEASE_ID");
  const { lease } = await withSession(invocation, (session) =>
    session.call(LeaseService.method.lookup, { leaseId }, { doing: `looking up ${leaseId}` }),
  );
  if (!lease) throw new UnfinishedError(`looking up ${leaseId}: the server's answer holds no lease`);
  invocation.output.result(
    () => keyValueLines(leaseDetailRows(lease)),
    () => leaseDocument(lease),
  );
  return 0;
}

/** `leasehold lease list [PREFIX]`. */
export async function listLeases(invocation: Invocation): Promise<number> {
  const prefix = invocation.arg("PREFIX");
  const states = (invocation.flags.get("state") ?? []).map(parseState);
  const limit = parseLimit(flagValue(invocation, "limit"));
  const leases = await withSession(invocation, (session) =>
    collectLeases(session, { prefix, states, limit }),
  );
  const { output } = invocation;
  output.result(
    () => (leases.length > 0 ? leaseTable(leases) : []),
    () => leases.map(leaseDocument),
  );
  if (leases.length === 0) output.note(prefix === "" ? "No leases" : `No leases under ${prefix}`);
  return 0;
}

type Query = { prefix: string; states: Lease["state"][]; limit: number };

/** Follows the pages, which may be short or empty, until the last one or the limit. */
async function collectLeases(session: Session, { prefix, states, limit }: Query): Promise<Lease[]> {
  const leases: Lease[] = [];
  const seenTokens = new Set<string>();
  let pageToken = "";
  do {
    const page = await session.call(
      LeaseService.method.list,
      { prefix, states, pageToken, pageSize: Math.min(pageSizeMax, limit - leases.length) },
      { doing: doingUnder("listing leases", prefix) },
    );
    for (const lease of page.leases) if (leases.length < limit) leases.push(lease);
    pageToken = page.nextPageToken;
    if (seenTokens.has(pageToken))
      throw new UnfinishedError("listing leases: the server sends the same page again");
    seenTokens.add(pageToken);
  } while (pageToken !== "" && leases.length < limit);
  return leases;
}

/** `leasehold lease count [PREFIX]`. */
export async function count(invocation: Invocation): Promise<number> {
  const prefix = invocation.arg("PREFIX");
  const { counts, total } = await withSession(invocation, (session) =>
    session.call(LeaseService.method.count, { prefix }, { doing: doingUnder("counting leases", prefix) }),
  );
  const byState = counts.map(({ state, count }) => [stateName(state), Number(count)] as const);
  invocation.output.result(
    () =>
      tableLines([
        ["State", "Leases"],
        ...byState.map(([state, number]) => [state, String(number)]),
        ["total", String(total)],
      ]),
    () => ({ prefix, total: Number(total), counts: Object.fromEntries(byState) }),
  );
  return 0;
}

function doingUnder(doing: string, prefix: string): string {
  return prefix === "" ? doing : `${doing} under ${prefix}`;
}

function parseLimit(text: string | undefined): number {
  if (text === undefined) return Number.POSITIVE_INFINITY;
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new UsageError(`--limit is "${text}"; it must be a whole number from 1 to 999999999`);
}
