import { createConnection } from "node:net";

/** Where a Redis answers, and how long one command may take. */
export interface RedisCommandTarget {
  readonly port: number;
  readonly timeoutMs: number;
}

/**
 * Sends one command to a Redis on 127.0.0.1 over a connection of its own and gives its answer as text.
 *
 * Gives the elements of a list one a line. Enough to ask a server how it is, without a client library's
 * reconnects and queues in between. Rejects with the server's words when it answers with an error.
 */
export function sendRedisCommand(target: RedisCommandTarget, ...words: readonly string[]): Promise<string> {
  const request = [`*${words.length}`, ...words.flatMap((word) => [`$${Buffer.byteLength(word)}`, word]), ""];
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host: "127.0.0.1", port: target.port });
    const timer = setTimeout(() => {
      socket.destroy(new Error(`Redis at port ${target.port} gave no answer in ${target.timeoutMs} ms.`));
    }, target.timeoutMs);
    let received = Buffer.alloc(0);
    socket.on("connect", () => socket.write(request.join("\r\n")));
    socket.on("data", (chunk) => {
      received = Buffer.concat([received, chunk]);
      const reply = parseReply(received);
      if (reply === undefined) return;
      if (reply.isError) socket.destroy(new Error(`Redis refused "${words[0]}": ${reply.text}`));
      else {
        resolve(reply.text);
        socket.destroy();
      }
    });
    socket.on("error", reject);
    socket.on("close", () => {
      clearTimeout(timer);
      reject(new Error(`Redis at port ${target.port} closed the connection without an answer.`));
    });
  });
}

interface Reply {
  readonly text: string;
  readonly isError: boolean;
  /** Where the next reply starts. */
  readonly end: number;
}

/** Reads one reply of the Redis protocol; gives nothing while more of it is to come. */
function parseReply(received: Buffer, start = 0): Reply | undefined {
  const headEnd = received.indexOf("\r\n", start);
  if (headEnd === -1) return undefined;
  const kind = received.toString("latin1", start, start + 1);
  const head = received.toString("utf8", start + 1, headEnd);
  const bodyStart = headEnd + 2;
  if (kind === "*") return parseArray(received, bodyStart, Number(head));
  if (kind !== "$") return { text: head, isError: kind === "-", end: bodyStart };
  const bytes = Number(head);
  if (bytes < 0) return { text: "", isError: false, end: bodyStart };
  const bodyEnd = bodyStart + bytes;
  if (received.length < bodyEnd + 2) return undefined;
  return { text: received.toString("utf8", bodyStart, bodyEnd), isError: false, end: bodyEnd + 2 };
}

function parseArray(received: Buffer, start: number, count: number): Reply | undefined {
  const texts: string[] = [];
  let end = start;
  for (let index = 0; index < count; index++) {
    const element = parseReply(received, end);
    if (element === undefined) return undefined;
    texts.push(element.text);
    end = element.end;
  }
  return { text: texts.join("\n"), isError: false, end };
}
