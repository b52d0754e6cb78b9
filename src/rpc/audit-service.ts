import { AuditService } from "../../gen/leasehold/v1/audit_pb.ts";
import { auditSinkTypes } from "../core/audit/audit-sink.ts";
import type { Handle } from "../core/requests.ts";
import { type ServiceRoutes, serviceRoutes } from "./route.ts";

/** The `AuditService` on top of the core. */
export function auditService(handle: Handle): ServiceRoutes {
  return serviceRoutes(AuditService, {
    enable: async ({ name, type, options }, context) => {
      // The rules of the message let no other type through.
      const known = auditSinkTypes.find((each) => each === type) ?? "file";
      return await handle("enableAudit", { name: name || known, type: known, options }, context);
    },
    disable: async ({ name }, context) => await handle("disableAudit", { name }, context),
    list: async (_request, context) => {
      const { audits } = await handle("listAudits", {}, context);
      return {
        sinks: audits.map(({ name, type, options, isOpen }) => ({
          name,
          type,
          options: { ...options },
          open: isOpen,
        })),
      };
    },
    hash: async ({ name, value }, context) => ({
      hash: (await handle("hashAudit", { name, value }, context)).hash,
    }),
  });
}
