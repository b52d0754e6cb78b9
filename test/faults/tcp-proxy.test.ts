import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { eventually } from "../e2e/eventually.ts";
import { startTcpProxy, type TcpProxy } from "../kit/tcp-proxy.ts";

let echo: Server;
let heard: string;
let proxy: TcpProxy;
const sockets = new Set<Socket>();

/** A connection through the proxy, and what has come back on it. */
async function open() {
  const socket = connect({ host: "127.0.0.1", port: proxy.port });
  sockets.add(socket);
  const line = { socket, received: "", isClosed: false };
  socket.on("data", (chunk) => {
    line.received += String(chunk);
  });
  socket.on("error", () => {});
  socket.on("close", () => {
    line.isClosed = true;
  });
  await once(socket, "connect");
  return line;
}

beforeEach(async () => {
  heard = "";
  echo = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      heard += String(chunk);
      socket.write(chunk);
    });
  });
  echo.listen(0, "127.0.0.1");
  await once(echo, "listening");
  proxy = await startTcpProxy((echo.address() as AddressInfo).port);
});

afterEach(async () => {
  await proxy.close();
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  echo.close();
});

it("passes on what is sent, either way, and keeps its order when the delay ends", async () => {
  const line = await open();
  proxy.setDelay(80);
  line.socket.write("a");
  await eventually("the first has arrived", () => heard === "a");
  proxy.setDelay(0);
  line.socket.write("b");
  await eventually("both came back", () => line.received.length === 2);
  expect(line.received).toBe("ab");
});

it("cuts every connection, and takes new ones", async () => {
  const lines = [await open(), await open()];
  await eventually("both are there", () => proxy.connections() === 2);
  proxy.reset();
  await eventually("both are closed", () => lines.every(({ isClosed }) => isClosed));
  const next = await open();
  next.socket.write("x");
  await eventually("the next one works", () => next.received === "x");
});

it("swallows everything while it is a black hole, and cuts what it swallowed from when it ends", async () => {
  const line = await open();
  line.socket.write("a");
  await eventually("it works", () => line.received === "a");
  proxy.setMode("blackHole");
  line.socket.write("b");
  const next = await open();
  next.socket.write("c");
  proxy.setMode("pass");
  await eventually("both are closed", () => line.isClosed && next.isClosed);
  expect(heard).toBe("a");
});

it("lets the nth request through, and loses its reply with the connection", async () => {
  const line = await open();
  const lost = proxy.loseReply({ requestWith: "get", nth: 2 });
  line.socket.write("get 1;");
  await eventually("the first is answered", () => line.received === "get 1;");
  line.socket.write("get 2;");
  await lost;
  await eventually("the connection is cut", () => line.isClosed);
  expect(heard).toBe("get 1;get 2;");
  expect(line.received).toBe("get 1;");
});
