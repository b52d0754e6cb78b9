import { type CreateContext, type Created, NothingCreated } from "../../../core/backend.ts";
import { CoreError } from "../../../core/errors.ts";
import type { MountLeases } from "../../../core/mount-leases.ts";
import { isAwsFailure } from "../aws-failure.ts";
import { awsTime } from "../aws-time.ts";
import { pauseMs, stopReason } from "../resend.ts";
import { sessionError } from "./session-failure.ts";
import type { SessionHandle } from "./session-handle.ts";
import type { SessionInput } from "./session-input.ts";
import type { SessionCredentials } from "./sts.ts";

/** The shortest session that AWS makes. Source: API reference of AssumeRole, `DurationSeconds`. */
export const sessionMsMin = 900_000;

/** How one kind of session is made. */
export interface SessionMaking {
  readonly leases: MountLeases;
  /** Completes "Cannot …". */
  readonly doing: string;
  /** Says whether the call can be sent again after a lost reply: of the first session, should there be one, nobody has the credentials. */
  readonly isRepeatable: boolean;
  open(call: { readonly durationSeconds: number; readonly signal: AbortSignal }): Promise<SessionCredentials>;
}

/**
 * Makes a session that ends no later than its lease, as far as AWS allows. Rejects with `NothingCreated` where it is certain that there
 * is none.
 */
export async function openSession(
  handle: SessionHandle,
  context: CreateContext<SessionInput>,
  { leases, doing, isRepeatable, open }: SessionMaking,
): Promise<Created<SessionHandle>> {
  const { signal, expiresAtMs, input } = context;
  const { root } = input;
  let isInDoubt = false;
  const failed = (reason: Error): Error =>
    isInDoubt || !(reason instanceof CoreError) ? reason : new NothingCreated(reason);

  for (let failures = 0; ; failures++) {
    if (signal.aborted) throw failed(stopReason(signal));
    try {
      const leftMs = expiresAtMs - (await leases.nowMs());
      const durationSeconds = Math.floor(Math.max(sessionMsMin, leftMs) / 1000);
      return created(handle, await open({ durationSeconds, signal }), expiresAtMs);
    } catch (error) {
      if (!isAwsFailure(error)) throw error instanceof Error ? failed(error) : error;
      if (error.kind === "unknown") isInDoubt = true;
      if (signal.aborted) throw failed(stopReason(signal));
      const isWorthwhile = error.kind === "throttled" || (error.kind === "unknown" && isRepeatable);
      if (!isWorthwhile || failures >= root.retriesMax) throw failed(sessionError(error, doing, root));
    }
    await root.clock.sleep(pauseMs(failures), signal);
  }
}

function created(
  handle: SessionHandle,
  { accessKey, secretKey, sessionToken, endsAtMs }: SessionCredentials,
  expiresAtMs: number,
): Created<SessionHandle> {
  const late = endsAtMs - expiresAtMs > 1000;
  return {
    secret: { access_key: accessKey, secret_key: secretKey, security_token: sessionToken },
    handle: { ...handle, endsAtMs },
    // AWS ends it at that time, whatever the lease says.
    expiresAtMs: endsAtMs,
    ...(late
      ? {
          warnings: [
            `AWS ends the session at ${awsTime(endsAtMs)}, which is after the lease: it makes none shorter than 15 minutes.`,
          ],
        }
      : {}),
  };
}
