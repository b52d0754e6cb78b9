import { setTimeout as delay } from "node:timers/promises";
import { LeaseEventKind, LeaseService } from "../../gen/leasehold/v1/leases_pb.ts";
import { Session } from "./client.ts";
import { flagValue, type Invocation } from "./command.ts";
import { CallError } from "./errors.ts";
import { eventDocument, eventLine, parseKind } from "./event-view.ts";

/** How long to wait before an attempt to connect again: doubled each time up to the most, and cut at random by up to half. */
export type Backoff = { firstMs: number; mostMs: number };

const backoffDefault: Backoff = { firstMs: 250, mostMs: 15_000 };

/**
 * `leasehold lease watch [PREFIX]`: prints events until it is interrupted, its
 * reader is gone, or the server refuses. What ends the connection after the
 * server has accepted the call once is bridged: it connects again, with the
 * token of the last event.
 */
export async function watch(invocation: Invocation, backoff = backoffDefault): Promise<number> {
  const prefix = invocation.arg("PREFIX");
  const kinds = new Set((invocation.flags.get("kind") ?? []).map(parseKind));
  const { output, io } = invocation;
  const settings = invocation.settings();
  const signal = io.readerGone;
  let resumeToken = flagValue(invocation, "resume") ?? "";
  let hasWatched = false;
  let failures = 0;
  while (!signal.aborted) {
    // A new one each time: the next address of the server may be another one.
    const session = new Session(settings);
    const onOpen = () => {
      if (failures > 0) output.notice("Watching again.");
      hasWatched = true;
      failures = 0;
    };
    let problem = "the server ended the stream";
    try {
      const doing = prefix === "" ? "watching leases" : `watching leases under ${prefix}`;
      const replies = session.stream(
        LeaseService.method.watch,
        { prefix, resumeToken },
        { doing, signal, onOpen },
      );
      for await (const { event } of replies) {
        if (!event) continue;
        // A gap concerns everybody: what was lost may have been of any kind.
        if (kinds.size === 0 || kinds.has(event.kind) || event.kind === LeaseEventKind.GAP) {
          output.resultLine(
            () => eventLine(event),
            () => eventDocument(event),
          );
        }
        resumeToken = event.resumeToken;
      }
    } catch (error) {
      if (!hasWatched || !isPassing(error)) {
        if (hasWatched && resumeToken !== "") output.notice(`Go on with --resume ${resumeToken}`);
        throw error;
      }
      problem = error.message;
    } finally {
      session.close();
    }
    if (signal.aborted) break;
    const waitMs = Math.min(backoff.mostMs, backoff.firstMs * 2 ** failures) * (1 - Math.random() / 2);
    if (failures === 0) {
      const from = resumeToken === "" ? "from now on, since there was no event yet" : "from the last event";
      output.notice(`Connecting again (${problem.replace(/\.$/, "")}); it goes on ${from}.`);
    }
    failures += 1;
    await delay(waitMs, undefined, { signal }).catch(() => undefined);
  }
  return 0;
}

/** Whether another attempt can succeed: the server says so, or the connection was lost on the way. */
function isPassing(error: unknown): error is CallError {
  if (!(error instanceof CallError)) return false;
  const { code, reason } = error.facts;
  if (code === "unavailable") return true;
  return reason === undefined && ["cancelled", "internal", "unknown"].includes(code);
}
