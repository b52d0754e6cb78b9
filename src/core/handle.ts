import type { Access } from "./access/create-access.ts";
import { stranger } from "./caller.ts";
import { CoreError, type ErrorCode } from "./errors.ts";
import { type LeaseOperationsOptions, leaseOperations } from "./lease-operations.ts";
import { type MountOperationsOptions, mountOperations } from "./mount-operations.ts";
import type { Observer } from "./observer.ts";
import type { Operates } from "./operate.ts";
import type { PolicyBook } from "./policy/policy-book.ts";
import { policyOperations } from "./policy/policy-operations.ts";
import type { Handle, OperationName } from "./requests.ts";
import { type SecretOperationsOptions, secretOperations } from "./secret-operations.ts";
import type { Telemetry } from "./telemetry.ts";
import type { KnownCaller, TokenAuthenticator } from "./tokens/token-authenticator.ts";

/** What `handle` works with. */
export interface HandleOptions
  extends MountOperationsOptions,
    SecretOperationsOptions,
    LeaseOperationsOptions {
  readonly authenticate: TokenAuthenticator;
  readonly access: Pick<Access, "authorize" | "operations" | "endUsedUp">;
  readonly policies: PolicyBook;
  readonly observer: Pick<Observer, "status" | "resume">;
  readonly telemetry: Telemetry;
}

/**
 * Makes the single way in. No operation can be reached around the check of the token, the check of what its policies allow, the
 * routing, or the telemetry.
 */
export function createHandle(options: HandleOptions): Handle {
  const { authenticate, access, observer, telemetry } = options;
  const operations: Operates<OperationName> = {
    ...mountOperations(options),
    ...secretOperations(options),
    ...leaseOperations(options),
    ...access.operations,
    ...policyOperations(options),
    operatorStatus: () => observer.status(),
    operatorResume: () => observer.resume(),
  };
  return async (name, input, context) => {
    let outcome: ErrorCode | "OK" = "OK";
    let known: KnownCaller | undefined;
    try {
      const knowing = name === "login" ? undefined : authenticate(context.token);
      known = knowing instanceof Promise ? await knowing : knowing;
      const caller = known?.caller ?? stranger;
      const isAllowed = access.authorize(caller, name, input);
      if (isAllowed) await isAllowed;
      return await operations[name](input, context, caller);
    } catch (error) {
      outcome = error instanceof CoreError ? error.code : "INTERNAL";
      throw error;
    } finally {
      telemetry.handled(name, outcome);
      if (known?.isLastUse) access.endUsedUp(known);
    }
  };
}
