import type { SecretIds } from "../../../core/backend.ts";
import type { Caller } from "../../../core/caller.ts";
import type { TemplateValues } from "./template.ts";

/** What a request says that templates can name. */
export interface TemplateSource {
  readonly caller: Pick<Caller, "id" | "name">;
  /** Path of the mount. */
  readonly mountPath: string;
}

/** What the variables of templates stand for in a lease. */
export function templateValuesOf(source: TemplateSource, ids: SecretIds): TemplateValues {
  return {
    "caller.name": source.caller.name,
    "caller.id": source.caller.id,
    role: ids.role,
    mount: source.mountPath,
    "lease.id": ids.leaseId,
    "lease.uuid": ids.leaseUuid,
  };
}
