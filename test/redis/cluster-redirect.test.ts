import { describe, expect, it } from "vitest";
import { clusterRedirect } from "../../src/redis/cluster-redirect.ts";

const from = { host: "10.0.0.1", port: 7000 };
const reply = (message: string) => Object.assign(new Error(message), { name: "ReplyError" });

describe("clusterRedirect()", () => {
  it.each([
    ["MOVED 3999 10.0.0.2:7001", { kind: "MOVED", slot: 3999, address: { host: "10.0.0.2", port: 7001 } }],
    [
      "ASK 0 node-b.example.com:7001",
      { kind: "ASK", slot: 0, address: { host: "node-b.example.com", port: 7001 } },
    ],
    ["MOVED 1 2001:db8::1:7001", { kind: "MOVED", slot: 1, address: { host: "2001:db8::1", port: 7001 } }],
    ["MOVED 3999 :7001", { kind: "MOVED", slot: 3999, address: { host: "10.0.0.1", port: 7001 } }],
  ])("reads %j", (message, redirect) => {
    expect(clusterRedirect(reply(message), from)).toEqual(redirect);
  });

  it.each([
    reply("TRYAGAIN Multiple keys"),
    reply("MOVED somewhere"),
    new Error("MOVED 1 a:1"),
    "MOVED 1 a:1",
  ])("finds none in %j", (error) => expect(clusterRedirect(error, from)).toBeUndefined());
});
