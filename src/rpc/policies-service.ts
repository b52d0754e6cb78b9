import { PolicyService, Capability as WireCapability } from "../../gen/leasehold/v1/policies_pb.ts";
import type { Capability } from "../core/policy/policy.ts";
import type { Handle } from "../core/requests.ts";
import { type ServiceRoutes, serviceRoutes } from "./route.ts";
import { structToJson } from "./struct.ts";

const wireCapabilities: Readonly<Record<Exclude<Capability, "deny">, WireCapability>> = {
  create: WireCapability.CREATE,
  read: WireCapability.READ,
  update: WireCapability.UPDATE,
  patch: WireCapability.PATCH,
  delete: WireCapability.DELETE,
  list: WireCapability.LIST,
  sudo: WireCapability.SUDO,
};

const byWireValue = new Map(
  Object.entries(wireCapabilities).map(([name, wire]) => [wire, name as Exclude<Capability, "deny">]),
);

/** The `PolicyService` on top of the core. */
export function policiesService(handle: Handle): ServiceRoutes {
  return serviceRoutes(PolicyService, {
    write: async ({ name, policy }, context) => await handle("writePolicy", { name, policy }, context),
    read: async ({ name }, context) => ({
      name,
      policy: (await handle("readPolicy", { name }, context)).policy,
    }),
    list: async (_request, context) => ({ names: [...(await handle("listPolicies", {}, context)).names] }),
    delete: async ({ name }, context) => await handle("deletePolicy", { name }, context),
    test: async ({ names, path, capability, parameters }, context) => {
      const input = {
        ...{ names, path },
        // The rules of the message let no other value through.
        capability: byWireValue.get(capability) ?? "read",
        parameters: parameters === undefined ? undefined : structToJson(parameters, "parameters"),
      };
      const { isAllowed, rule, why } = await handle("testPolicy", input, context);
      return {
        allowed: isAllowed,
        rule: rule?.pattern ?? "",
        policies: [...(rule?.policies ?? [])],
        reason: why,
      };
    },
  });
}
