import { CreateUserCommand, ListUsersCommand } from "@aws-sdk/client-iam";
import { describe, expect, it } from "vitest";
import { tutorialKey } from "../../../src/dev/simulator/simulator.ts";
import { RunningSimulator } from "./running-simulator.ts";

describe("the AWS simulator's control endpoint", () => {
  it("sets faults, one or several, reads them back and clears them", async () => {
    const running = await RunningSimulator.start();
    const one = { kind: "refuse", code: "AccessDenied", actions: ["ListUsers"], times: 1 };
    expect((await running.control("POST", "faults", one)).status).toBe(200);
    await running.control("POST", "faults", [
      { kind: "latency", ms: 1 },
      { kind: "lose-reply", times: 1, user: "x" },
    ]);
    await expect(running.iam.send(new ListUsersCommand({}))).rejects.toMatchObject({
      name: expect.stringMatching(/^AccessDenied/),
      $metadata: { httpStatusCode: 403 },
    });
    const { body } = await running.control("GET", "faults");
    expect(body).toMatchObject({
      faults: [
        { fault: one, struck: 1 },
        { fault: { kind: "latency", ms: 1 }, struck: 1 },
        { fault: { kind: "lose-reply" }, struck: 0 },
      ],
    });
    expect((await running.control("DELETE", "faults")).body).toEqual({ faults: [] });
    expect((await running.control("GET", "faults")).body).toEqual({ faults: [] });
  });

  it.each([
    [
      "an unknown kind",
      { kind: "explode" },
      /^Kind "explode" of a fault is unknown; it must be one of throttle, /,
    ],
    ["no kind", {}, /^Kind undefined/],
    [
      "an unknown field",
      { kind: "latency", ms: 1, seconds: 1 },
      /^Field "seconds" is unknown in a fault of kind "latency"/,
    ],
    ["a missing number", { kind: "latency" }, /^Field "ms" of a fault is undefined/],
    ["a negative number", { kind: "creation-delay", ms: -1 }, /at least 0/],
    ["an unknown action", { kind: "fail-after", actions: ["MakeCoffee"] }, /^Action "MakeCoffee"/],
    ["an empty list of actions", { kind: "fail-after", actions: [] }, /^Field "actions"/],
    ["half a time", { kind: "fail-after", times: 1.5 }, /whole number/],
    ["no code", { kind: "refuse" }, /^Field "code"/],
    ["a status that is no error", { kind: "refuse", code: "X", status: 200 }, /at least 400/],
    ["no object", "x", /must be a JSON object/],
  ])("refuses %s with a sentence", async (_, fault, sentence) => {
    const running = await RunningSimulator.start();
    const { status, body } = await running.control("POST", "faults", fault);
    expect(status).toBe(400);
    expect(body).toEqual({ error: expect.stringMatching(sentence) });
  });

  it("sets no fault of a list with a mistake in it", async () => {
    const running = await RunningSimulator.start();
    const faults = [{ kind: "fail-before" }, { kind: "explode" }];
    expect((await running.control("POST", "faults", faults)).status).toBe(400);
    expect(running.simulator.faults.list()).toEqual([]);
  });

  it("describes the account without any secret", async () => {
    const running = await RunningSimulator.start();
    const key = await running.createUser(
      "ada",
      [{ Effect: "Allow", Action: "ec2:*", Resource: "*" }],
      "/team/",
    );
    const { body } = await running.control("GET", "state");
    expect(body).toMatchObject({
      accountId: "123456789012",
      users: [
        { name: "leasehold-admin", accessKeyIds: [tutorialKey.accessKeyId] },
        { name: "ada", path: "/team/", accessKeyIds: [key.accessKeyId], inlinePolicies: ["given"] },
      ],
    });
    expect(JSON.stringify(body)).not.toContain(key.secretAccessKey);
    expect(JSON.stringify(body)).not.toContain(tutorialKey.secretAccessKey);
  });

  it("lists calls in order with how each ended, and counts them", async () => {
    const running = await RunningSimulator.start();
    const create = () => running.iam.send(new CreateUserCommand({ UserName: "ada" }));
    await create();
    await expect(create()).rejects.toThrow();
    const { body } = await running.control("GET", "calls?limit=2");
    const call = { action: "CreateUser", accessKeyId: tutorialKey.accessKeyId, user: "ada" };
    expect(body).toMatchObject({
      total: 2,
      counts: { CreateUser: { OK: 1, EntityAlreadyExists: 1 } },
      calls: [
        { ...call, outcome: "OK" },
        { ...call, outcome: "EntityAlreadyExists" },
      ],
    });
    await running.control("DELETE", "calls");
    expect((await running.control("GET", "calls")).body).toEqual({ total: 0, counts: {}, calls: [] });
    expect((await running.control("GET", "calls?limit=many")).status).toBe(400);
  });

  it("refuses to write a snapshot where there is no file for it", async () => {
    const running = await RunningSimulator.start();
    expect((await running.control("POST", "snapshot")).status).toBe(409);
  });

  it("answers an unknown path with 404, and a web page with 403", async () => {
    const running = await RunningSimulator.start();
    expect((await running.control("GET", "nothing")).status).toBe(404);
    const headers = { origin: "http://example.com" };
    const response = await fetch(`${running.simulator.url}/_simulator/faults`, { headers });
    expect(response.status).toBe(403);
  });
});
