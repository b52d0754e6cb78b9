import type { DestroyContext } from "../../../core/backend.ts";
import { quote } from "../../../core/errors.ts";
import { awsTime } from "../aws-time.ts";
import type { SessionCutter } from "./session-cutter.ts";
import type { SessionHandle } from "./session-handle.ts";

/** The longest session of a role. Source: API reference of AssumeRole, `DurationSeconds`. */
export const roleSessionMsMax = 43_200_000;

/** A session that ends so soon would be over before a denial has spread. */
const nearlyOverMs = 5000;

/**
 * Ends the session of a lease as far as it can be ended: it is cut off at its role, or it ends by itself at its time, which whoever asked is
 * told.
 */
export async function endSession(
  handle: SessionHandle,
  context: Pick<DestroyContext<SessionHandle>, "nowMs" | "createsEndedAtMs" | "warn">,
  cutter: Pick<SessionCutter, "cut">,
): Promise<void> {
  const { nowMs, createsEndedAtMs } = context;
  const { session: name, arn, cut, endsAtMs } = handle;
  const latestMs = endsAtMs ?? createsEndedAtMs + roleSessionMsMax;
  if (nowMs + nearlyOverMs >= latestMs) return;
  if (cut === undefined || arn === undefined) {
    // Of one without an end nobody was told the credentials.
    if (endsAtMs !== undefined) context.warn?.(livesOn(handle, endsAtMs));
    return;
  }
  const issuedByMs = createsEndedAtMs;
  const outcome = await cutter.cut(arn, { name, endsAtMs: latestMs, issuedByMs });
  if (outcome === "with all") context.warn?.(cutWithAll(arn));
}

/** Says what a person has to look after when the lease is forgotten instead of revoked. */
export function sessionLeftBehind({ session, arn, endsAtMs }: SessionHandle): string[] {
  const of = arn === undefined ? "" : ` of ${quote(arn)}`;
  const ends =
    endsAtMs === undefined ? "whose end is not known" : `which ends by itself at ${awsTime(endsAtMs)}`;
  return [`The session ${quote(session)}${of}, ${ends}.`];
}

function livesOn({ session, arn }: SessionHandle, endsAtMs: number): string {
  const advice =
    arn === undefined ? "AWS has no way to revoke it." : 'Roles with "revoke_sessions" have theirs cut off.';
  return `The lease is gone, but the session ${quote(session)} goes on until ${awsTime(endsAtMs)}, when AWS ends it. ${advice}`;
}

function cutWithAll(arn: string): string {
  return (
    `The policy of ${quote(arn)} had no room left to deny one more session by its name: all its sessions that were issued until now ` +
    "are cut off."
  );
}
