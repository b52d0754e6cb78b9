/** What one side of a connection has sent, cut into whole messages. */
export interface Frames {
  /** Takes what has come; answers the messages that are whole by now, in order. */
  push(chunk: Buffer): readonly Buffer[];
}

/** Where the first message ends, undefined where it is not whole yet. */
type EndOfFirst = (bytes: Buffer) => number | undefined;

function createFrames(endOfFirst: EndOfFirst): Frames {
  let rest: Buffer = Buffer.alloc(0);
  return {
    push(chunk) {
      rest = Buffer.concat([rest, chunk]);
      const whole: Buffer[] = [];
      for (let end = endOfFirst(rest); end !== undefined; end = endOfFirst(rest)) {
        whole.push(rest.subarray(0, end));
        rest = rest.subarray(end);
      }
      return whole;
    },
  };
}

/** Cuts what a client or a server of Redis sends into commands or replies (RESP 2). */
export const redisFrames = (): Frames => createFrames((bytes) => endOfValue(bytes, 0));

function endOfValue(bytes: Buffer, from: number): number | undefined {
  const lineEnd = bytes.indexOf("\r\n", from);
  if (lineEnd < 0) return undefined;
  const next = lineEnd + 2;
  const length = Number(bytes.toString("latin1", from + 1, lineEnd));
  switch (String.fromCharCode(bytes[from] ?? 0)) {
    case "$": {
      const end = length < 0 ? next : next + length + 2;
      return end <= bytes.length ? end : undefined;
    }
    case "*": {
      let end: number | undefined = next;
      for (let left = length; left > 0 && end !== undefined; left--) end = endOfValue(bytes, end);
      return end;
    }
    default:
      return next;
  }
}

/** The words of a command of Redis. */
export function commandWords(command: Buffer): readonly string[] {
  const words: string[] = [];
  for (let at = command.indexOf("\r\n") + 2; at < command.length; ) {
    const lineEnd = command.indexOf("\r\n", at);
    const length = Number(command.toString("latin1", at + 1, lineEnd));
    words.push(command.toString("utf8", lineEnd + 2, lineEnd + 2 + length));
    at = lineEnd + 2 + length + 2;
  }
  return words;
}

/** Cuts what a client of HTTP/1.1 sends into requests, each with a body of the length that it names. */
export const requestFrames = (): Frames =>
  createFrames((bytes) => {
    const headEnd = bytes.indexOf("\r\n\r\n");
    if (headEnd < 0) return undefined;
    const named = /\r\ncontent-length: *(\d+)/i.exec(bytes.toString("latin1", 0, headEnd))?.[1];
    const end = headEnd + 4 + Number(named ?? 0);
    return end <= bytes.length ? end : undefined;
  });
