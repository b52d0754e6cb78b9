import type { Writable } from "node:stream";

/** Resolves once a stream takes more, or is closed and takes nothing ever again. */
export function whenWritable(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stream.off("drain", done);
      stream.off("close", done);
      resolve();
    };
    stream.on("drain", done);
    stream.on("close", done);
    if (stream.closed || !stream.writableNeedDrain) done();
  });
}
