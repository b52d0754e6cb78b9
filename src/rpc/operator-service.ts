import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { OperatorService } from "../../gen/leasehold/v1/operator_pb.ts";
import type { Handle } from "../core/requests.ts";
import { type ServiceRoutes, serviceRoutes } from "./route.ts";

/** The `OperatorService` on top of the core. */
export function operatorService(handle: Handle): ServiceRoutes {
  return serviceRoutes(OperatorService, {
    status: async (_request, context) => {
      const status = await handle("operatorStatus", {}, context);
      return {
        observeOnly: status.isObserveOnly,
        reasons: [...status.reasons],
        ...(status.observingSinceMs === undefined
          ? {}
          : { observingSince: timestampFromMs(status.observingSinceMs) }),
        wouldRevoke: BigInt(status.wouldRevoke),
        wouldRevokeIds: [...status.wouldRevokeIds],
      };
    },
    resume: async (_request, context) => {
      const { due } = await handle("operatorResume", {}, context);
      return { due: BigInt(due) };
    },
    rotate: async (_request, context) => {
      const { term, activeSinceMs } = await handle("rotateKeyring", {}, context);
      return { term, activeSince: timestampFromMs(activeSinceMs) };
    },
    rekey: async ({ newRootKey }, context) => {
      const { rekeyedAtMs, warnings } = await handle("rekeyKeyring", { newRootKey }, context);
      return { rekeyedAt: timestampFromMs(rekeyedAtMs), warnings: [...warnings] };
    },
  });
}
