import { describe, expect, test } from "vitest";
import { untilAborted } from "../../src/core/until-aborted.ts";

const never = new Promise<never>(() => {});

describe("untilAborted()", () => {
  test("answers what the promise does where nothing aborts", async () => {
    const { signal } = new AbortController();
    expect(await untilAborted(Promise.resolve(5), signal)).toBe(5);
    await expect(untilAborted(Promise.reject(new Error("no")), signal)).rejects.toThrow("no");
  });

  test("rejects with the reason of the signal, whether it aborts before or meanwhile", async () => {
    const reason = new Error("gone");
    await expect(untilAborted(never, AbortSignal.abort(reason))).rejects.toBe(reason);
    const caller = new AbortController();
    const waiting = untilAborted(never, caller.signal);
    caller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
  });

  test("leaves a later rejection of the promise unheard without harm", async () => {
    let reject = (_error: Error) => {};
    const promise = new Promise<never>((_, no) => {
      reject = no;
    });
    await untilAborted(promise, AbortSignal.abort(new Error("gone"))).catch(() => {});
    reject(new Error("later"));
    await new Promise((resolve) => setImmediate(resolve));
  });
});
