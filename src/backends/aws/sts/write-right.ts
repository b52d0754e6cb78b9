import type { CutSessions } from "./cut-sessions.ts";

/**
 * How long the right to write a policy holds, in milliseconds: well longer than a call waits and lasts, so that nobody writes while
 * an earlier one may still arrive.
 */
const rightMs = 15_000;

/** Says whether somebody else has the right to write. */
export function isHeldByOther({ writer }: CutSessions, id: string, nowMs: number): boolean {
  return writer !== undefined && writer.id !== id && writer.untilMs > nowMs;
}

/** Takes the right to write, where a version has to be written and nobody else has the right. */
export function takeRight(
  state: CutSessions,
  { id, version, nowMs }: { readonly id: string; readonly version: number; readonly nowMs: number },
): CutSessions {
  if (state.written >= version || isHeldByOther(state, id, nowMs)) return state;
  return { ...state, writer: { id, untilMs: nowMs + rightMs } };
}

/** Gives the right back. */
export function giveBackRight(state: CutSessions, id: string): CutSessions {
  if (state.writer?.id !== id) return state;
  const { writer: _, ...rest } = state;
  return rest;
}

/**
 * Notes which version AWS has acknowledged, and gives the right back. Whoever has lost the right meanwhile may have overwritten
 * something newer: then everything is to be written once more.
 */
export function noteWritten(
  state: CutSessions,
  { id, version }: { readonly id: string; readonly version: number },
): CutSessions {
  if (state.writer?.id !== id) return { ...state, version: state.version + 1 };
  return { ...giveBackRight(state, id), written: version };
}
