/**
 * The sessions of one AWS role that are cut off, as they are stored. The inline policy of the role is written from
 * this, and only by whoever holds the right to: a policy written from an older state would let a session in again.
 */
export type CutSessions = {
  /** ARN of the AWS role. */
  readonly arn: string;
  /** When each session that is denied by its name has ended, in milliseconds since 1970. */
  readonly endsAtMs: Readonly<Record<string, number>>;
  /** All sessions issued before a time are denied, until the last one that has to be has ended. */
  readonly before?: { readonly issuedMs: number; readonly endsAtMs: number };
  /** Raised by every change of what is denied. */
  readonly version: number;
  /** The version that AWS has acknowledged. */
  readonly written: number;
  /** Who may write the policy, and until when. */
  readonly writer?: { readonly id: string; readonly untilMs: number };
};

/** A session to deny. */
export interface CutSession {
  readonly name: string;
  /** When it has ended, whatever becomes of the denial. */
  readonly endsAtMs: number;
  /** The latest time at which it can have been issued. */
  readonly issuedByMs: number;
}

/** How long after its end a session stays denied: clocks differ. */
const marginMs = 60_000;

/** How long after its end a session is taken off the policy at the latest; many go together. */
const tidyAfterMs = 600_000;

/** A state in which nothing is denied. */
export function nothingCut(arn: string): CutSessions {
  return { arn, endsAtMs: {}, version: 0, written: 0 };
}

/** Denies sessions; those that have ended are let go of in the same step. */
export function addCut(state: CutSessions, sessions: readonly CutSession[], nowMs: number): CutSessions {
  const { before } = state;
  const isCovered = ({ issuedByMs }: CutSession) =>
    before !== undefined && issuedByMs + marginMs < before.issuedMs;
  const covered = sessions.filter(isCovered).map((session) => session.endsAtMs);
  const named = sessions.filter((session) => !isCovered(session) && !(session.name in state.endsAtMs));
  const reaching = before && { ...before, endsAtMs: Math.max(before.endsAtMs, ...covered) };
  const kept: CutSessions = { ...state, ...(reaching && { before: reaching }) };
  if (named.length === 0) return kept;
  const added = named.map(({ name, endsAtMs }) => [name, endsAtMs] as const);
  return withoutEnded(
    {
      ...kept,
      endsAtMs: { ...state.endsAtMs, ...Object.fromEntries(added) },
      version: state.version + 1,
    },
    nowMs,
  );
}

/** Denies all sessions that were issued up to now in place of those denied by name, for want of room. */
export function cutAllBefore(state: CutSessions, nowMs: number): CutSessions {
  const ends = [...Object.values(state.endsAtMs), state.before?.endsAtMs ?? 0];
  // AWS compares whole seconds, and its clock is not ours.
  const issuedMs = Math.ceil(nowMs / 1000) * 1000 + 1000;
  return {
    ...state,
    endsAtMs: {},
    before: { issuedMs, endsAtMs: Math.max(...ends) },
    version: state.version + 1,
  };
}

/** Lets go of what has ended, where there is something that ended long enough ago to be worth a call. */
export function pruneCut(state: CutSessions, nowMs: number): CutSessions {
  const ends = [...Object.values(state.endsAtMs), ...(state.before ? [state.before.endsAtMs] : [])];
  if (!ends.some((endsAtMs) => endsAtMs + tidyAfterMs <= nowMs)) return state;
  return withoutEnded({ ...state, version: state.version + 1 }, nowMs);
}

function withoutEnded(state: CutSessions, nowMs: number): CutSessions {
  const { before, ...rest } = state;
  const isNeeded = (endsAtMs: number) => endsAtMs + marginMs > nowMs;
  const live = Object.entries(state.endsAtMs).filter(([, endsAtMs]) => isNeeded(endsAtMs));
  return {
    ...rest,
    endsAtMs: Object.fromEntries(live),
    ...(before && isNeeded(before.endsAtMs) ? { before } : {}),
  };
}
