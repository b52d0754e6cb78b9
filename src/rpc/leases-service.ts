import { LeaseService } from "../../gen/leasehold/v1/leases_pb.ts";
import type { Handle, LeaseEventView } from "../core/requests.ts";
import { eventToMessage } from "./event-message.ts";
import { durationToMs, leaseStateFromWire, leaseStates, leaseToMessage } from "./messages.ts";
import { type ServiceRoutes, serviceRoutes } from "./route.ts";

/** Leases on a page where the caller names no number; `leases.proto` promises it. */
const defaultPageSize = 100;

async function* eventReplies(events: AsyncIterable<LeaseEventView>) {
  for await (const event of events) yield { event: eventToMessage(event) };
}

/** The `LeaseService` on top of the core. */
export function leasesService(handle: Handle): ServiceRoutes {
  return serviceRoutes(LeaseService, {
    lookup: async ({ leaseId }, context) => ({
      lease: leaseToMessage(await handle("lookupLease", { leaseId }, context)),
    }),
    list: async (request, context) => {
      const input = {
        prefix: request.prefix,
        pageSize: request.pageSize === 0 ? defaultPageSize : request.pageSize,
        pageToken: request.pageToken,
        states: request.states.map((state) => leaseStateFromWire(state, "states")),
      };
      const page = await handle("listLeases", input, context);
      return { leases: page.leases.map(leaseToMessage), nextPageToken: page.nextPageToken };
    },
    renew: async ({ leaseId, increment }, context) => {
      const incrementMs = increment === undefined ? undefined : durationToMs(increment, "increment");
      const { lease, warnings } = await handle("renewLease", { leaseId, incrementMs }, context);
      return { lease: leaseToMessage(lease), warnings: [...warnings] };
    },
    revoke: async ({ leaseId }, context) => {
      const { warnings } = await handle("revokeLease", { leaseId }, context);
      return { warnings: [...warnings] };
    },
    revokePrefix: async ({ prefix }, context) => {
      const { revoked, pending } = await handle("revokePrefix", { prefix }, context);
      return { revoked: BigInt(revoked), pending: BigInt(pending) };
    },
    count: async ({ prefix }, context) => {
      const { byState, total } = await handle("countLeases", { prefix }, context);
      const counts = Object.entries(leaseStates).flatMap(([name, state]) => {
        const count = new Map(Object.entries(byState)).get(name) ?? 0;
        return count === 0 ? [] : [{ state, count: BigInt(count) }];
      });
      return { counts, total: BigInt(total) };
    },
    watch: async ({ prefix, resumeToken }, context) =>
      eventReplies(await handle("watchLeases", { prefix, resumeToken }, context)),
    retry: async ({ leaseId }, context) => {
      const { warnings } = await handle("retryLease", { leaseId }, context);
      return { warnings: [...warnings] };
    },
    forget: async ({ leaseId, force }, context) => {
      const { leftBehind } = await handle("forgetLease", { leaseId, isForced: force }, context);
      return { leftBehind: [...leftBehind] };
    },
  });
}
