import type { Account } from "./account.ts";
import type { CallLog } from "./call-log.ts";
import { FaultSyntaxError, parseFault } from "./fault.ts";
import type { Faults } from "./faults.ts";

/** What the control endpoint works on. */
export interface ControlEndpointParts {
  readonly account: Account;
  readonly faults: Faults;
  readonly calls: CallLog;
  /** Writes the snapshot now; undefined where there is no snapshot file. */
  readonly writeSnapshot: (() => Promise<void>) | undefined;
}

/** A JSON answer. */
export interface ControlAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** The path under which the simulator is told how to misbehave and asked what it has seen. */
export const controlPath = "/_simulator/";

/**
 * Describes the account without any secret: users with the numbers of their keys and policies, and counts of the
 * rest.
 */
export function describeState(account: Account) {
  const users = Array.from(account.users.all(), (user) => ({
    name: user.name,
    path: user.path,
    id: user.id,
    createdAtMs: user.createdAtMs,
    isVisible: user.visibleAtMs <= account.nowMs(),
    tags: Object.fromEntries(Array.from(user.tags.values(), ({ key, value }) => [key, value])),
    accessKeyIds: [...user.accessKeys.keys()],
    inlinePolicies: [...user.inlinePolicies.keys()],
    attachedPolicies: [...user.attachedPolicies],
    groups: [...user.groups],
    boundaryArn: user.boundaryArn,
  }));
  return {
    accountId: account.id,
    users,
    groups: account.groups.size,
    roles: account.roles.size,
    sessions: account.sessions.size,
  };
}

function setFaults(faults: Faults, body: string): ControlAnswer {
  let given: unknown;
  try {
    given = JSON.parse(body);
  } catch {
    return { status: 400, body: { error: "The body is no JSON. Send one fault or a list of faults." } };
  }
  try {
    // All are read before any is set: a list with a mistake in it sets none.
    const parsed = (Array.isArray(given) ? given : [given]).map(parseFault);
    for (const fault of parsed) faults.add(fault);
  } catch (error) {
    if (error instanceof FaultSyntaxError || error instanceof RangeError) {
      return { status: 400, body: { error: error.message } };
    }
    throw error;
  }
  return { status: 200, body: { faults: faults.list() } };
}

async function snapshot({ writeSnapshot }: ControlEndpointParts): Promise<ControlAnswer> {
  if (writeSnapshot === undefined) {
    const error = "There is no snapshot file. Start the AWS simulator with --snapshot FILE.";
    return { status: 409, body: { error } };
  }
  await writeSnapshot();
  return { status: 200, body: { written: true } };
}

function listCalls(calls: CallLog, query: URLSearchParams): ControlAnswer {
  const limit = Number(query.get("limit") ?? "1000");
  if (!Number.isInteger(limit) || limit < 0) {
    return { status: 400, body: { error: 'Parameter "limit" must be a whole number of at least 0.' } };
  }
  return { status: 200, body: { total: calls.total, counts: calls.counts(), calls: calls.recent(limit) } };
}

/** Answers one request to the control endpoint. */
export async function handleControl(
  parts: ControlEndpointParts,
  request: { method: string; path: string; query: string; body: string },
): Promise<ControlAnswer> {
  const { account, faults, calls } = parts;
  switch (`${request.method} ${request.path.slice(controlPath.length)}`) {
    case "GET faults":
      return { status: 200, body: { faults: faults.list() } };
    case "POST faults":
      return setFaults(faults, request.body);
    case "DELETE faults":
      faults.clear();
      return { status: 200, body: { faults: [] } };
    case "GET state":
      return { status: 200, body: describeState(account) };
    case "GET calls":
      return listCalls(calls, new URLSearchParams(request.query));
    case "DELETE calls":
      calls.clear();
      return { status: 200, body: { total: 0 } };
    case "POST snapshot":
      return snapshot(parts);
    default:
      return {
        status: 404,
        body: { error: `The control endpoint has no ${request.method} ${request.path}.` },
      };
  }
}
