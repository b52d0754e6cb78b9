import { expect, test } from "vitest";
import { createSinkQueue } from "../../../src/core/audit/sink-queue.ts";
import { createManualClock, settle } from "../../kit/manual-clock.ts";

/** A queue over a sink that a test breaks and blocks. */
function createScene() {
  const clock = createManualClock();
  const written: string[] = [];
  const sink = { trouble: "", blocked: undefined as Promise<void> | undefined };
  const queue = createSinkQueue({
    clock,
    lostLine: (lines) => `lost ${lines}\n`,
    sink: {
      async write(lines) {
        if (sink.blocked) await sink.blocked;
        if (sink.trouble !== "") throw new Error(sink.trouble);
        written.push(...lines.trimEnd().split("\n"));
      },
    },
  });
  const outcome = (line: string): Promise<string> =>
    queue.write(`${line}\n`).then(
      () => "written",
      (error: Error) => error.message,
    );
  return { clock, written, sink, queue, outcome };
}

test("lines that a sink refused are counted in a line before the next one", async () => {
  const { written, sink, outcome } = createScene();
  sink.trouble = "ENOSPC";
  expect(await Promise.all([outcome("a"), outcome("b")])).toEqual(["ENOSPC", "ENOSPC"]);
  sink.trouble = "";
  expect(await outcome("c")).toBe("written");
  expect(await outcome("d")).toBe("written");
  expect(written).toEqual(["lost 2", "c", "d"]);
});

test("a line that came late is not counted as lost, and those that were not tried meanwhile are", async () => {
  const { clock, written, sink, outcome } = createScene();
  const gate = Promise.withResolvers<void>();
  sink.blocked = gate.promise;
  const late = outcome("a");
  await clock.advance(2000);
  expect(await late).toContain("2000 ms");
  expect(await outcome("b")).toContain("earlier write");
  sink.blocked = undefined;
  gate.resolve();
  await settle();
  expect(await outcome("c")).toBe("written");
  expect(written).toEqual(["a", "lost 1", "c"]);
});

test("a queue holds so many lines and so many characters, and says that it is full", async () => {
  const { sink, outcome, clock } = createScene();
  sink.blocked = new Promise(() => {});
  void outcome("under way");
  const waiting = [outcome("x".repeat(20_000_000)), outcome("y".repeat(20_000_000))];
  expect(await waiting[1]).toContain("Too many lines");
  for (let n = 1; n < 10_000; n++) void outcome("z");
  expect(await outcome("one more")).toContain("Too many lines");
  await clock.advance(2000);
});

test("idle() resolves once nothing waits, and at once where nothing ever did", async () => {
  const { sink, queue, outcome, written } = createScene();
  await queue.idle();
  const gate = Promise.withResolvers<void>();
  sink.blocked = gate.promise;
  void outcome("a");
  void outcome("b");
  let isIdle = false;
  const idle = queue.idle().then(() => {
    isIdle = true;
  });
  await settle();
  expect(isIdle).toBe(false);
  gate.resolve();
  await idle;
  expect(written).toEqual(["a", "b"]);
});
