import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { scripts } from "../../src/redis/scripts.ts";
import { eventually } from "../e2e/eventually.ts";
import { type CallGate, openCallGate } from "../kit/call-gate.ts";

let target: Server;
let heard: string;
let gate: CallGate;
const sockets = new Set<Socket>();

const command = (...words: readonly string[]): string =>
  `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("")}`;
const request = (action: string): string => {
  const body = `Action=${action}&Version=2010-05-08`;
  return `POST / HTTP/1.1\r\nhost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
};

/** A connection through the gate, and what has come back on it. */
async function open(url: string | undefined) {
  const socket = connect({ host: "127.0.0.1", port: Number(new URL(url ?? "").port) });
  sockets.add(socket);
  socket.on("error", () => {});
  const line = { socket, received: "" };
  socket.on("data", (chunk) => {
    line.received += String(chunk);
  });
  await once(socket, "connect");
  return line;
}

const openRedis = () => open(gate.env["LEASEHOLD_REDIS_URL"]);
const names = () => gate.calls.map(({ name, nth }) => `${name} ${nth}`);

// Answers each command and each request with one reply, as soon as it is there.
beforeEach(async () => {
  heard = "";
  target = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      heard += String(chunk);
      const count = String(chunk).match(/^\*|^POST/gm)?.length ?? 0;
      socket.write("+OK\r\n".repeat(count));
    });
  });
  target.listen(0, "127.0.0.1");
  await once(target, "listening");
  const { port } = target.address() as AddressInfo;
  gate = await openCallGate({ redisPort: port, awsPort: port });
});

afterEach(async () => {
  await gate.close();
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  target.close();
});

it("names and counts every call, however it is cut into packets", async () => {
  const redis = await openRedis();
  const both = command("GET", "lh:{aws_1}:data:config/root") + command("EVALSHA", scripts.begin.sha1, "0");
  redis.socket.write(both.slice(0, 20));
  await eventually("nothing is half a call", () => gate.calls.length === 0);
  redis.socket.write(both.slice(20));
  await eventually("both are answered", () => redis.received === "+OK\r\n+OK\r\n");
  redis.socket.write(command("EVAL", scripts.begin.text, "0"));
  const aws = await open(gate.env["AWS_ENDPOINT_URL_IAM"]);
  const post = request("CreateUser");
  aws.socket.write(post.slice(0, -5));
  aws.socket.write(post.slice(-5));
  await eventually("it is answered", () => aws.received === "+OK\r\n");
  expect(names().sort()).toEqual(
    ["aws:CreateUser 1", "redis:get data:config/root 1", "redis:begin 1", "redis:begin 2"].sort(),
  );
  gate.watch();
  expect(gate.calls).toEqual([]);
});

it("stops before a call, and lets nothing pass from then on", async () => {
  const redis = await openRedis();
  const stopped = gate.stopAt({ name: "redis:get b", nth: 2 }, "before");
  redis.socket.write(["a", "b", "b", "c"].map((key) => command("GET", key)).join(""));
  await stopped;
  const aws = await open(gate.env["AWS_ENDPOINT_URL_STS"]);
  aws.socket.write(request("GetCallerIdentity"));
  await eventually("two are heard", () => heard === command("GET", "a") + command("GET", "b"));
  expect(names()).toEqual(["redis:get a 1", "redis:get b 1", "redis:get b 2"]);
});

it("stops after a call of Redis: the answers before its own still come", async () => {
  const redis = await openRedis();
  const stopped = gate.stopAt({ name: "redis:get b", nth: 1 }, "after");
  redis.socket.write(["a", "b"].map((key) => command("GET", key)).join(""));
  await stopped;
  expect(heard).toBe(command("GET", "a") + command("GET", "b"));
  await eventually("the first is answered", () => redis.received === "+OK\r\n");
});

it("stops after a call of AWS", async () => {
  const aws = await open(gate.env["AWS_ENDPOINT_URL_IAM"]);
  const stopped = gate.stopAt({ name: "aws:CreateUser", nth: 1 }, "after");
  aws.socket.write(request("CreateUser"));
  await stopped;
  expect(heard).toBe(request("CreateUser"));
  expect(aws.received).toBe("");
});
