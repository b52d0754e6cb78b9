import { waitUntilMs } from "./answer-time.ts";
import type { Caller } from "./caller.ts";
import { CoreError, quote } from "./errors.ts";
import type { LeaseDesk } from "./lease-desk.ts";
import type { LeaseQuery } from "./lease-query.ts";
import type { MassRevoker } from "./mass-revoker.ts";
import type { Operates } from "./operate.ts";
import { normalizeRequestPath } from "./request-path.ts";
import type { Watcher } from "./watcher.ts";

/** The longest that a caller can wait for the leases under a prefix to be gone. */
const revokePrefixMsMax = 600_000;

type LeaseOperationName =
  | "lookupLease"
  | "listLeases"
  | "renewLease"
  | "revokeLease"
  | "revokePrefix"
  | "countLeases"
  | "retryLease"
  | "forgetLease"
  | "watchLeases";

/** What the operations on leases work with. */
export interface LeaseOperationsOptions {
  readonly leaseDesk: LeaseDesk;
  readonly leaseQuery: LeaseQuery;
  readonly massRevoker: MassRevoker;
  readonly watcher: Pick<Watcher, "watch">;
  /** The process's clock. */
  readonly nowMs: () => number;
}

/** Makes the operations on leases. */
export function leaseOperations(options: LeaseOperationsOptions): Operates<LeaseOperationName> {
  const { leaseDesk, leaseQuery, massRevoker, nowMs } = options;
  return {
    lookupLease: ({ leaseId }) => leaseDesk.lookup(leaseId),
    listLeases: (input) => leaseQuery.list(input),
    countLeases: ({ prefix }) => leaseQuery.count(prefix),
    renewLease: ({ leaseId, incrementMs }, { signal }) => leaseDesk.renew(leaseId, { incrementMs, signal }),
    revokeLease: async ({ leaseId }, { signal, deadlineMs }) => ({
      warnings: await leaseDesk.revoke(leaseId, { signal, deadlineMs }),
    }),
    retryLease: async ({ leaseId }, { signal, deadlineMs }) => ({
      warnings: await leaseDesk.retry(leaseId, { signal, deadlineMs }),
    }),
    forgetLease: async ({ leaseId, isForced }, { signal, deadlineMs }) => ({
      leftBehind: await leaseDesk.forget(leaseId, { isForced, signal, deadlineMs }),
    }),
    watchLeases: async (input, context, caller) =>
      whileGood(await options.watcher.watch(input, context), caller, nowMs),
    async revokePrefix({ prefix }, { signal, deadlineMs }) {
      // A folder, so that "aws/creds/deploy" does not take the leases of "aws/creds/deploy-eu" along.
      const folder = `${normalizeRequestPath(prefix)}/`;
      const mounts = await leaseQuery.mountsUnder(folder);
      if (mounts.length === 0) throw noLeasesUnder(prefix);
      const states = ["issuing", "active", "revoking", "irrevocable"] as const;
      const untilMs = Math.min(waitUntilMs(deadlineMs), nowMs() + revokePrefixMsMax);
      // Side by side, so that a mount whose vendor hangs takes no time from the others.
      const outcomes = await Promise.all(
        mounts.map((mount) => massRevoker.revokeAll({ mount, prefix: folder, states, untilMs, signal })),
      );
      return {
        revoked: outcomes.reduce((sum, outcome) => sum + outcome.revoked, 0),
        pending: outcomes.reduce((sum, outcome) => sum + outcome.pending, 0),
      };
    },
  };
}

/** How long a token is believed to be good, in milliseconds. */
const believedMs = 700;

/** The events, until the token of whoever watches has ended: none of them is told later than that. */
function whileGood<Event>(
  events: AsyncIterable<Event>,
  { isStillGood }: Caller,
  nowMs: () => number,
): AsyncIterable<Event> {
  if (!isStillGood) return events;
  return {
    [Symbol.asyncIterator]() {
      const source = events[Symbol.asyncIterator]();
      let askedAtMs = nowMs();
      const end = async (): Promise<IteratorResult<Event>> => {
        await source.return?.();
        return { done: true, value: undefined };
      };
      return {
        return: end,
        async next() {
          const event = await source.next();
          if (event.done === true || nowMs() - askedAtMs <= believedMs) return event;
          if (!(await isStillGood())) {
            await end();
            throw new CoreError(
              "UNAUTHENTICATED",
              "The token has ended, and with it the stream. Log in again.",
            );
          }
          askedAtMs = nowMs();
          return event;
        },
      };
    },
  };
}

function noLeasesUnder(prefix: string): CoreError {
  return new CoreError(
    "NO_MOUNT",
    `No mount lies at, above or below ${quote(prefix)}, so no lease starts with it.`,
    {
      details: { path: prefix },
    },
  );
}
