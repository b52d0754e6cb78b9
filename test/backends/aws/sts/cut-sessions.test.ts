import { describe, expect, it } from "vitest";
import { cutPolicyOf } from "../../../../src/backends/aws/sts/cut-policy.ts";
import {
  addCut,
  type CutSession,
  cutAllBefore,
  nothingCut,
  pruneCut,
} from "../../../../src/backends/aws/sts/cut-sessions.ts";

const nowMs = Date.parse("2026-11-24T10:00:00.400Z");
const minuteMs = 60_000;
const none = nothingCut("arn:aws:iam::111122223333:role/reader");
const session = (name: string, endsInMs: number): CutSession => ({
  name,
  endsAtMs: nowMs + endsInMs,
  issuedByMs: nowMs,
});

describe("what is cut off", () => {
  it("is a new version with every session that is new, and the same one without", () => {
    const one = addCut(none, [session("a", minuteMs)], nowMs);
    expect(one).toMatchObject({ version: 1, written: 0, endsAtMs: { a: nowMs + minuteMs } });
    expect(addCut(one, [session("a", minuteMs)], nowMs)).toEqual(one);
    expect(addCut(one, [session("b", minuteMs), session("c", 1)], nowMs).version).toBe(2);
  });

  it("loses what has ended, a minute later for the sake of clocks that differ, with the next one that is added", () => {
    const one = addCut(none, [session("a", minuteMs)], nowMs);
    const names = (atMs: number) => Object.keys(addCut(one, [session("b", 1e7)], nowMs + atMs).endsAtMs);
    expect(names(2 * minuteMs - 1)).toEqual(["a", "b"]);
    expect(names(2 * minuteMs)).toEqual(["b"]);
  });

  it("is tidied once something has ended for ten minutes, and then of all that has ended", () => {
    const cut = addCut(none, [session("a", 0), session("b", 5 * minuteMs), session("c", 1e7)], nowMs);
    expect(pruneCut(cut, nowMs + 10 * minuteMs - 1)).toBe(cut);
    const pruned = pruneCut(cut, nowMs + 10 * minuteMs);
    expect(Object.keys(pruned.endsAtMs)).toEqual(["c"]);
    expect(pruned.version).toBe(cut.version + 1);
  });

  it("is everything issued before the next whole second, for want of room, until the last of it has ended", () => {
    const cut = addCut(none, [session("a", minuteMs), session("b", 9 * minuteMs)], nowMs);
    const all = cutAllBefore(cut, nowMs);
    expect(all).toMatchObject({ endsAtMs: {}, before: { endsAtMs: nowMs + 9 * minuteMs }, version: 2 });
    expect(cutPolicyOf(all)).toContain('{"DateLessThan":{"aws:TokenIssueTime":"2026-11-24T10:00:02Z"}}');
    expect(pruneCut(all, nowMs + 19 * minuteMs).before).toBeUndefined();
  });

  it("covers a session that was issued well before that time, and is denied no less long for it", () => {
    const laterMs = nowMs + 5 * minuteMs;
    const all = cutAllBefore(addCut(none, [session("a", minuteMs)], nowMs), laterMs);
    const more = addCut(all, [session("old", 60 * minuteMs)], laterMs);
    expect(more).toMatchObject({
      version: all.version,
      endsAtMs: {},
      before: { endsAtMs: nowMs + 60 * minuteMs },
    });
    const young = { ...session("young", 60 * minuteMs), issuedByMs: laterMs };
    expect(Object.keys(addCut(all, [young], laterMs).endsAtMs)).toEqual(["young"]);
  });

  it("is no policy at all where nothing is denied", () => {
    expect(cutPolicyOf(none)).toBeUndefined();
  });
});
