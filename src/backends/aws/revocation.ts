import { RetryLater, Throttled } from "../../core/backend.ts";
import { CoreError } from "../../core/errors.ts";
import { coreErrorOf, isAwsFailure } from "./aws-failure.ts";
import { NotSent } from "./pacing/not-sent.ts";
import type { OpenRoot, RootAccess } from "./root-access.ts";
import type { UserHandle } from "./user-handle.ts";

/** What both halves of a revocation work with. */
export interface RevocationContext {
  readonly access: RootAccess;
  readonly signal: AbortSignal;
}

/** What the second half knows besides: when "no such user" can be believed. Times by the store's clock. */
export interface BeliefContext extends RevocationContext {
  readonly consistencyMs: number;
  readonly nowMs: number;
  /** The latest time at which a creating call can have been sent. */
  readonly createsEndedAtMs: number;
}

/**
 * Thrown where AWS says "no such key" or "no such user" to the half that
 * deletes the key. That is no proof by itself: the other half, which knows the times, decides whether it is.
 */
export class NotFound extends RetryLater {
  constructor(handle: UserHandle) {
    super(
      new CoreError(
        "REVOCATION_PENDING",
        `AWS does not find user "${handle.user}" or its access key, which was made so recently that it may still come to ` +
          "light. The revocation goes on by itself.",
        { details: { user: handle.user } },
      ),
      retryAfterMs(),
    );
    this.name = "NotFound";
  }
}

/** Pauses before the next attempt, in milliseconds: jittered, so that leases that were throttled together part. */
const retryAfterMsMin = 1000;
const retryAfterMsMax = 2000;

/** How long to wait before an attempt that AWS needs time for. */
export function retryAfterMs(): number {
  return retryAfterMsMin + Math.random() * (retryAfterMsMax - retryAfterMsMin);
}

/**
 * The error for a user that is deleted while the call that asked for it may still be making it: a CreateUser that had no
 * answer is sent again, and the lease has to name the user until no more of them can come. Its key was told to nobody.
 */
export function stillBeingMade(handle: UserHandle, context: BeliefContext): RetryLater {
  const afterMs = context.createsEndedAtMs - context.nowMs + retryAfterMs();
  const message = `User "${handle.user}" was deleted while it was being made. It is looked for once more when that must have ended.`;
  return new RetryLater(
    new CoreError("REVOCATION_PENDING", message, { details: { user: handle.user } }),
    afterMs,
  );
}

/** Says whether the last creating call lies so far back that every part of AWS knows of it. */
export function isSettled({ nowMs, createsEndedAtMs, consistencyMs }: BeliefContext): boolean {
  return nowMs >= createsEndedAtMs + consistencyMs;
}

/**
 * Decides whether "no such user" means that it is gone. Right after a create
 * AWS may not know it yet, and forgetting the lease then would leave a live key for ever. It is believed
 * once AWS has settled, or after a DeleteUser that may have worked; and only from the account that the user was made
 * in. Resolves where it is believed; otherwise rejects with what to do.
 */
export async function believeGone(
  handle: UserHandle,
  context: BeliefContext & { readonly root: OpenRoot },
): Promise<void> {
  await checkAccount(handle, context);
  if (handle.sent === undefined && !isSettled(context)) throw new NotFound(handle);
}

async function checkAccount(
  handle: UserHandle,
  context: RevocationContext & { readonly root: OpenRoot },
): Promise<void> {
  const { access, root, signal } = context;
  if (handle.account === undefined) {
    const names = [root.name ?? root.accessKey, ...(root.formerNames ?? [])];
    if (names.some((name) => name === handle.root)) return;
    throw wrongAccount(handle, `root key ${handle.root}`, `root key is now ${names[0]}`);
  }
  const { account } = await access.withAccount(root, signal);
  if (account === handle.account) return;
  const now =
    account === undefined ? "account of the root key is not known" : `root key is of account ${account}`;
  throw wrongAccount(handle, `account ${handle.account}`, now);
}

function wrongAccount(handle: UserHandle, madeIn: string, now: string): CoreError {
  return new CoreError(
    "BACKEND_REFUSED",
    `AWS does not find user "${handle.user}", but it was made with ${madeIn}, and the ${now}: it may live on. ` +
      'Write a root key of the account it was made in to "config/root", or delete the user by hand there and then revoke again.',
    { details: { user: handle.user, aws_code: "NoSuchEntity" } },
  );
}

/**
 * The error for a failed call of a revocation. A throttle is nobody's fault, and uses no attempt; nor does a call that
 * was not sent.
 */
export function revocationError(error: unknown, doing: string): unknown {
  if (!isAwsFailure(error)) return error;
  const reason = coreErrorOf(error, doing);
  if (error instanceof NotSent) {
    const afterMs = error.retryAfterMs ?? retryAfterMs();
    return error.reason === "paced" ? new Throttled(reason, afterMs) : new RetryLater(reason, afterMs);
  }
  return error.kind === "throttled" ? new Throttled(reason, retryAfterMs()) : reason;
}
