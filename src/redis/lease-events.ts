import type { LeaseState } from "../core/lease.ts";
import type { LeaseStore, StoredEvent } from "../core/lease-store.ts";
import { eventNumber, hasGapAfter } from "./event-position.ts";
import { mountKey } from "./keys.ts";
import { isLeaseState } from "./lease-record.ts";
import type { RedisClient } from "./redis-client.ts";
import { listOf, numberOf, pairsOf, type RedisReply, textOf } from "./reply.ts";
import { oneOf } from "./timed-scripts.ts";

const kinds = [
  "begin",
  "activate",
  "renew",
  "reopen",
  "claim",
  "disarmed",
  "fail",
  "finish",
  "forget",
] as const satisfies readonly StoredEvent["kind"][];

/** Reads the stream of events that the scripts write, and the epoch that they raise. */
export function createLeaseEvents(
  client: RedisClient,
): Pick<LeaseStore, "readEvents" | "newestEvent" | "epoch"> {
  return {
    async readEvents(accessor, { after, limit }) {
      const from = eventNumber(after) === 0 ? "-" : `(${after}`;
      const entries = await client.call("XRANGE", mountKey(accessor, "events"), from, "+", "COUNT", limit);
      const events = listOf(entries).map(readEvent);
      return { events, hasGap: hasGapAfter(after, events) };
    },
    async newestEvent(accessor) {
      const newest = await client.call("XREVRANGE", mountKey(accessor, "events"), "+", "-", "COUNT", 1);
      const [entry] = listOf(newest);
      return entry === undefined ? "" : readEvent(entry).position;
    },
    async epoch(accessor) {
      const epoch = await client.call("GET", mountKey(accessor, "epoch"));
      return epoch === null ? 0 : numberOf(epoch);
    },
  };
}

function readEvent(entry: RedisReply): StoredEvent {
  const [id, what] = listOf(entry);
  const position = textOf(id);
  const fields = pairsOf(listOf(what));
  const expires = fields.get("ex");
  return {
    position,
    kind: oneOf(kinds, fields.get("kind")),
    leaseId: textOf(fields.get("id")),
    atMs: Number(position.slice(0, position.indexOf("-"))),
    expiresAtMs: expires && numberOf(expires),
    state: readState(fields.get("st")),
  };
}

function readState(state: Buffer | undefined): LeaseState | undefined {
  const text = state?.toString();
  if (text === undefined || isLeaseState(text)) return text;
  throw new Error(`An event names the state "${text}", which is none.`);
}
