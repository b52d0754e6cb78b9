import type { Access } from "./access/create-access.ts";
import { operationRights } from "./access/operation-rights.ts";
import type { RateLimits } from "./access/rate-limits.ts";
import type { AuditBook } from "./audit/audit-book.ts";
import { auditOperations } from "./audit/audit-operations.ts";
import type { Auditor } from "./audit/auditor.ts";
import { stranger } from "./caller.ts";
import { CoreError, type ErrorCode, hasCode } from "./errors.ts";
import type { KeyringKeeper } from "./keyring-keeper.ts";
import { keyringOperations } from "./keyring-operations.ts";
import { type LeaseOperationsOptions, leaseOperations } from "./lease-operations.ts";
import { type MountOperationsOptions, mountOperations } from "./mount-operations.ts";
import type { Observer } from "./observer.ts";
import type { Operates } from "./operate.ts";
import type { PolicyBook } from "./policy/policy-book.ts";
import { policyOperations } from "./policy/policy-operations.ts";
import type { Handle, OperationName, Operations } from "./requests.ts";
import { type SecretOperationsOptions, secretOperations } from "./secret-operations.ts";
import type { Telemetry } from "./telemetry.ts";
import type { KnownCaller, TokenAuthenticator } from "./tokens/token-authenticator.ts";

/** Operations whose answer holds a secret that was made for it. */
const makesSecrets: ReadonlySet<OperationName> = new Set(["read", "write", "createToken", "login"] as const);

/** What a login is refused with whoever tries, be it wrong or at a method that is not set up. */
const wrongLogin = [
  "LOGIN_FAILED",
  "INVALID_PATH",
  "INVALID_FIELD",
  "UNKNOWN_FIELD",
  "UNSUPPORTED_OPERATION",
  "NOT_CONFIGURED",
] as const;

/** What `handle` works with. */
export interface HandleOptions
  extends MountOperationsOptions,
    SecretOperationsOptions,
    LeaseOperationsOptions {
  readonly authenticate: TokenAuthenticator["authenticate"];
  readonly access: Pick<Access, "authorize" | "operations" | "endUsedUp">;
  readonly policies: PolicyBook;
  readonly limits: RateLimits;
  readonly audits: AuditBook;
  readonly auditor: Auditor;
  /** Ends a lease whose answer could not be written down; goes on by itself. */
  readonly takeBack: (leaseId: string) => void;
  readonly observer: Pick<Observer, "status" | "resume">;
  /** Undefined where the data keys are kept nowhere. */
  readonly keyring: KeyringKeeper | undefined;
  readonly telemetry: Telemetry;
}

/**
 * Makes the single way in. No operation can be reached around the check of the token, the check of what its policies allow, the
 * routing, or the telemetry.
 */
export function createHandle(options: HandleOptions): Handle {
  const { authenticate, access, limits, auditor, observer, telemetry } = options;
  const operations: Operates<OperationName> = {
    ...mountOperations(options),
    ...secretOperations(options),
    ...leaseOperations(options),
    ...access.operations,
    ...policyOperations(options),
    ...auditOperations(options),
    ...keyringOperations(options),
    operatorStatus: () => observer.status(),
    operatorResume: () => observer.resume(),
  };
  /** Counts a failure to show a good token or login; whoever has failed too often is told that instead. */
  const refuse = (refusal: CoreError, peer: string): CoreError => {
    try {
      limits.admitStranger(peer);
    } catch (error) {
      if (hasCode(error, "RATE_LIMITED")) return error;
      throw error;
    }
    limits.noteFailure(peer);
    return refusal;
  };

  /** What was made under a lease ends with it; all else that was done cannot be undone. */
  const takeBack = (output: object | undefined): void => {
    const {
      lease,
      view,
    }: {
      readonly lease?: { readonly id?: string };
      readonly view?: { readonly lease?: { readonly id: string } };
    } = output ?? {};
    const id = lease?.id ?? view?.lease?.id;
    if (id !== undefined) options.takeBack(id);
  };

  /**
   * Writing an answer down takes its time, and no secret is to be left that nobody holds. What has an idempotency key its caller asks
   * for again, maybe has already: the lease is not this answer's alone.
   */
  const throwIfGone = (output: object | undefined, input: object, signal: AbortSignal): void => {
    if (signal.aborted && !("idempotencyKey" in input && input.idempotencyKey)) takeBack(output);
    signal.throwIfAborted();
  };

  return async (name, input, context) => {
    let outcome: ErrorCode | "OK" = "OK";
    let known: KnownCaller | undefined;
    let isAudited = false;
    const call = { operation: name, input, context };
    try {
      if (name === "login") limits.admitStranger(context.peer);
      const knowing = name === "login" ? undefined : authenticate(context.token);
      known = knowing instanceof Promise ? await knowing : knowing;
      const caller = known?.caller ?? stranger;
      isAudited = true;
      const output = await auditor.around(
        { ...call, caller: known?.caller },
        async () => {
          if (known) limits.admit(caller.id, () => pathOf(name, input));
          const isAllowed = access.authorize(caller, name, input);
          if (isAllowed) await isAllowed;
          return await operations[name](input, context, caller);
        },
        (output) => {
          if (makesSecrets.has(name)) takeBack(output);
        },
      );
      if (makesSecrets.has(name)) throwIfGone(output, input, context.signal);
      return output;
    } catch (thrown) {
      const isStranger = hasCode(thrown, "UNAUTHENTICATED", ...(name === "login" ? wrongLogin : []));
      const error = isStranger ? refuse(thrown, context.peer) : thrown;
      // Whoever has no token must not be able to fill the disk, after which no call is carried out.
      if (!isAudited && !hasCode(error, "RATE_LIMITED"))
        await auditor.refused({ ...call, caller: undefined }, error);
      outcome = error instanceof CoreError ? error.code : "INTERNAL";
      throw error;
    } finally {
      telemetry.handled(name, outcome);
      if (known?.isLastUse) access.endUsedUp(known);
    }
  };
}

/** The path that a request is about, by which calls are limited; undefined where it is about none. */
function pathOf<Name extends OperationName>(
  name: Name,
  input: Operations[Name]["input"],
): string | undefined {
  const need = operationRights[name](input);
  return typeof need === "string" ? undefined : need.path;
}
