import { Writable } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, it } from "vitest";
import { gatherWrites } from "../../src/redis/gather-writes.ts";

/** A stream that tells what each write to the system would carry. */
function recordingStream() {
  const pieces: string[] = [];
  const stream = new Writable({
    decodeStrings: false,
    write(chunk, _encoding, done) {
      pieces.push(String(chunk));
      done();
    },
    writev(chunks, done) {
      pieces.push(chunks.map(({ chunk }) => String(chunk)).join(""));
      done();
    },
  });
  return { stream, pieces };
}

it("what is written in one turn of the event loop leaves in one piece, in order", async () => {
  const { stream, pieces } = recordingStream();
  const gather = gatherWrites({ stream });
  for (const text of ["a", "b", "c"]) {
    gather();
    stream.write(text);
  }
  expect(pieces).toEqual([]);
  await nextTurn();
  expect(pieces).toEqual(["abc"]);
});

it("the next turn's writes leave by themselves", async () => {
  const { stream, pieces } = recordingStream();
  const gather = gatherWrites({ stream });
  gather();
  stream.write("a");
  await nextTurn();
  gather();
  stream.write("b");
  await nextTurn();
  expect(pieces).toEqual(["a", "b"]);
});

it("a connection without a stream is left alone until it has one", async () => {
  const { stream, pieces } = recordingStream();
  const connection: { stream: Writable | undefined } = { stream: undefined };
  const gather = gatherWrites(connection);
  gather();
  connection.stream = stream;
  gather();
  stream.write("a");
  await nextTurn();
  expect(pieces).toEqual(["a"]);
});

it("a stream that was replaced within the turn still lets go of what it holds", async () => {
  const [first, second] = [recordingStream(), recordingStream()];
  const connection = { stream: first.stream };
  const gather = gatherWrites(connection);
  gather();
  first.stream.write("a");
  connection.stream = second.stream;
  gather();
  second.stream.write("b");
  await nextTurn();
  expect([first.pieces, second.pieces]).toEqual([["a"], ["b"]]);
});

it("a stream that ends within the turn sends what it holds first", async () => {
  const { stream, pieces } = recordingStream();
  gatherWrites({ stream })();
  stream.write("a");
  stream.end();
  await nextTurn();
  expect(pieces).toEqual(["a"]);
});
