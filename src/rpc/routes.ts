import type { Handle } from "../core/requests.ts";
import { auditService } from "./audit-service.ts";
import { authService } from "./auth-service.ts";
import { leasesService } from "./leases-service.ts";
import { mountsService } from "./mounts-service.ts";
import { operatorService } from "./operator-service.ts";
import { policiesService } from "./policies-service.ts";
import type { ServiceRoutes } from "./route.ts";
import { secretsService } from "./secrets-service.ts";

/** All services of the product: what is in this list is served by both listeners, reflected, and has a health. */
export function allServices(handle: Handle): readonly ServiceRoutes[] {
  return [
    mountsService(handle),
    secretsService(handle),
    leasesService(handle),
    authService(handle),
    policiesService(handle),
    auditService(handle),
    operatorService(handle),
  ];
}
