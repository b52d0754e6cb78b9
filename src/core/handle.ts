import { CoreError, type ErrorCode } from "./errors.ts";
import { type LeaseOperationsOptions, leaseOperations } from "./lease-operations.ts";
import { type MountOperationsOptions, mountOperations } from "./mount-operations.ts";
import type { Observer } from "./observer.ts";
import type { Operates } from "./operate.ts";
import type { Handle, OperationName } from "./requests.ts";
import { type SecretOperationsOptions, secretOperations } from "./secret-operations.ts";
import type { Telemetry } from "./telemetry.ts";
import type { Authenticate } from "./token.ts";

/** What `handle` works with. */
export interface HandleOptions
  extends MountOperationsOptions,
    SecretOperationsOptions,
    LeaseOperationsOptions {
  readonly authenticate: Authenticate;
  readonly observer: Pick<Observer, "status" | "resume">;
  readonly telemetry: Telemetry;
}

/** Makes the single way in. No operation can be reached around the token check, the routing, or the telemetry. */
export function createHandle(options: HandleOptions): Handle {
  const { authenticate, observer, telemetry } = options;
  const operations: Operates<OperationName> = {
    ...mountOperations(options),
    ...secretOperations(options),
    ...leaseOperations(options),
    operatorStatus: () => observer.status(),
    operatorResume: () => observer.resume(),
  };
  return async (name, input, context) => {
    let outcome: ErrorCode | "OK" = "OK";
    try {
      const caller = authenticate(context.token);
      return await operations[name](input, context, caller);
    } catch (error) {
      outcome = error instanceof CoreError ? error.code : "INTERNAL";
      throw error;
    } finally {
      telemetry.handled(name, outcome);
    }
  };
}
