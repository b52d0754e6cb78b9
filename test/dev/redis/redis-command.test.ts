import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { sendRedisCommand } from "../../../src/dev/redis/redis-command.ts";

/** A server that does this with the first request of each connection. */
async function serverThat(answer: (socket: Socket, request: string) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once("data", (request) => answer(socket, String(request)));
  });
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

describe("sendRedisCommand()", () => {
  test("sends the words as one array of strings, counted in bytes", async () => {
    const port = await serverThat((socket, request) =>
      socket.end(`$${Buffer.byteLength(request)}\r\n${request}\r\n`),
    );
    const echoed = await sendRedisCommand({ port, timeoutMs: 1_000 }, "SET", "é");
    expect(echoed).toBe("*2\r\n$3\r\nSET\r\n$2\r\né\r\n");
  });

  test.each([
    ["a status", "+PONG\r\n", "PONG"],
    ["a number", ":42\r\n", "42"],
    ["a missing value", "$-1\r\n", ""],
    ["a list, one element a line", "*3\r\n$1\r\na\r\n:2\r\n*1\r\n+b\r\n", "a\n2\nb"],
  ])("reads %s", async (_what, reply, text) => {
    const port = await serverThat((socket) => socket.write(reply));
    expect(await sendRedisCommand({ port, timeoutMs: 1_000 }, "PING")).toBe(text);
  });

  test("waits for the rest of an answer that comes in pieces", async () => {
    const port = await serverThat((socket) => {
      socket.setNoDelay(true);
      socket.write("$1", () =>
        socket.write("0\r\n01234", () => setImmediate(() => socket.write("56789\r\n"))),
      );
    });
    expect(await sendRedisCommand({ port, timeoutMs: 1_000 }, "GET", "key")).toBe("0123456789");
  });

  test("rejects with the server's words", async () => {
    const port = await serverThat((socket) => socket.write("-LOADING Redis is loading\r\n"));
    const call = sendRedisCommand({ port, timeoutMs: 1_000 }, "PING");
    await expect(call).rejects.toThrow('Redis refused "PING": LOADING Redis is loading');
  });

  test("rejects when no answer comes in time", async () => {
    const port = await serverThat(() => {});
    const call = sendRedisCommand({ port, timeoutMs: 20 }, "PING");
    await expect(call).rejects.toThrow(`Redis at port ${port} gave no answer in 20 ms.`);
  });

  test("rejects when the connection ends without an answer", async () => {
    const port = await serverThat((socket) => socket.end());
    const call = sendRedisCommand({ port, timeoutMs: 1_000 }, "PING");
    await expect(call).rejects.toThrow(`Redis at port ${port} closed the connection without an answer.`);
  });
});
