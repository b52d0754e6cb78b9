import {
  CreateAccessKeyCommand,
  CreateUserCommand,
  DeleteAccessKeyCommand,
  DeleteUserCommand,
  DeleteUserPolicyCommand,
  GetUserCommand,
  ListAccessKeysCommand,
  ListUsersCommand,
  PutUserPolicyCommand,
} from "@aws-sdk/client-iam";
import { describe, expect, it } from "vitest";
import { parseFault } from "../../../src/dev/simulator/fault.ts";
import { policyText, RunningSimulator } from "./running-simulator.ts";

const missing = { name: expect.stringMatching(/^NoSuchEntity/) };
const failure = { name: expect.stringMatching(/^ServiceFailure/), $metadata: { httpStatusCode: 500 } };
const allow = (Action: string) => ({ Effect: "Allow", Action, Resource: "*" });
const create = (UserName: string) => new CreateUserCommand({ UserName });
const get = (UserName: string) => new GetUserCommand({ UserName });

describe("the fault", () => {
  it("throttle refuses an API above its rate, each API by itself, until time has passed", async () => {
    // A clock that stands still: how fast the test runs must not refill the bucket.
    const startMs = Date.now();
    let elapsedMs = 0;
    const { iam, simulator } = await RunningSimulator.start({ nowMs: () => startMs + elapsedMs });
    simulator.faults.add({ kind: "throttle", callsPerSecond: 2 });
    const list = () => iam.send(new ListUsersCommand({}));
    await list();
    await list();
    await expect(list()).rejects.toMatchObject({
      name: "Throttling",
      message: "Rate exceeded",
      $metadata: { httpStatusCode: 400 },
    });
    await expect(iam.send(create("ada"))).resolves.toBeDefined();
    elapsedMs = 500;
    await expect(list()).resolves.toBeDefined();
    await expect(list()).rejects.toMatchObject({ name: "Throttling" });
  });

  it("throttle takes one bucket for all actions where it is shared, and leaves reads out where it is for writes only", async () => {
    const startMs = Date.now();
    const { iam, simulator } = await RunningSimulator.start({ nowMs: () => startMs });
    simulator.faults.add({ kind: "throttle", callsPerSecond: 2, isShared: true, isForWritesOnly: true });
    await iam.send(create("ada"));
    await iam.send(new DeleteUserCommand({ UserName: "ada" }));
    await expect(iam.send(create("grace"))).rejects.toMatchObject({ name: "Throttling" });
    await expect(iam.send(new ListUsersCommand({}))).resolves.toBeDefined();
    expect(() => parseFault({ kind: "throttle", callsPerSecond: 2, isShared: "yes" })).toThrow(
      'Field "isShared" of a fault is "yes"; it must be true or false.',
    );
  });

  it("fail-before has no effect, and is over after so many times", async () => {
    const { iam, simulator } = await RunningSimulator.start();
    simulator.faults.add({ kind: "fail-before", actions: ["CreateUser"], times: 2 });
    await expect(iam.send(create("ada"))).rejects.toMatchObject(failure);
    await expect(iam.send(create("ada"))).rejects.toMatchObject(failure);
    await expect(iam.send(get("ada"))).rejects.toMatchObject(missing);
    await expect(iam.send(create("ada"))).resolves.toBeDefined();
    expect(simulator.faults.list()).toMatchObject([{ fault: { kind: "fail-before" }, struck: 2 }]);
  });

  it("fail-after has had its effect", async () => {
    const { iam, simulator } = await RunningSimulator.start();
    simulator.faults.add({ kind: "fail-after", actions: ["CreateUser"], times: 1 });
    await expect(iam.send(create("ada"))).rejects.toMatchObject(failure);
    await expect(iam.send(get("ada"))).resolves.toBeDefined();
    await expect(iam.send(create("ada"))).rejects.toMatchObject({
      name: expect.stringMatching(/^EntityAlreadyExists/),
    });
  });

  it("lose-reply has had its effect and cuts the connection", async () => {
    const { iam, simulator } = await RunningSimulator.start();
    await iam.send(create("ada"));
    const createKey = () => iam.send(new CreateAccessKeyCommand({ UserName: "ada" }));
    simulator.faults.add({ kind: "lose-reply", actions: ["CreateAccessKey"], times: 1 });
    await expect(createKey()).rejects.toMatchObject({ code: "ECONNRESET" });
    await createKey();
    const { AccessKeyMetadata } = await iam.send(new ListAccessKeysCommand({ UserName: "ada" }));
    expect(AccessKeyMetadata).toHaveLength(2);
    expect(simulator.calls.counts()["CreateAccessKey"]).toEqual({ lost: 1, OK: 1 });
  });

  it("latency delays a call and its effect", async () => {
    const { iam, simulator } = await RunningSimulator.start();
    const ms = 50;
    simulator.faults.add({ kind: "latency", ms, actions: ["CreateUser"], times: 1 });
    const startedMs = performance.now();
    await iam.send(create("ada"));
    // Timers may fire a little early.
    expect(performance.now() - startedMs).toBeGreaterThan(ms - 5);
  });

  it("hold keeps a call until the faults are cleared, and the effect comes even when the caller has given up", async () => {
    const { iam, simulator } = await RunningSimulator.start();
    simulator.faults.add({ kind: "hold", actions: ["CreateUser"] });
    const caller = new AbortController();
    const call = iam.send(create("ada"), { abortSignal: caller.signal }).catch((error) => error.name);
    await expect.poll(() => simulator.faults.list()[0]?.struck, { interval: 2 }).toBe(1);
    caller.abort();
    expect(await call).toBe("AbortError");
    expect(simulator.state().users).toHaveLength(1);
    simulator.faults.clear();
    await expect.poll(() => simulator.state().users.length, { timeout: 5000, interval: 5 }).toBe(2);
  });

  it("refuse answers with the code it is given, to calls about one user if it names one", async () => {
    const { iam, simulator } = await RunningSimulator.start();
    simulator.faults.add({ kind: "refuse", code: "AccessDenied", message: "No.", status: 403, user: "ADA" });
    await expect(iam.send(create("ada"))).rejects.toMatchObject({
      name: expect.stringMatching(/^AccessDenied/),
      $metadata: { httpStatusCode: 403 },
    });
    await expect(iam.send(create("bob"))).resolves.toBeDefined();
  });

  it("creation-delay hides a new user from every call, and then it is there as if always", async () => {
    const running = await RunningSimulator.start();
    const { iam, simulator } = running;
    const UserName = "ada";
    simulator.faults.add({ kind: "creation-delay", ms: 3000, actions: ["CreateUser"], times: 1 });
    await iam.send(create(UserName));
    const PolicyDocument = policyText([allow("ec2:*")]);
    const calls = [
      () => iam.send(get(UserName)),
      () => iam.send(new PutUserPolicyCommand({ UserName, PolicyName: "p", PolicyDocument })),
      () => iam.send(new CreateAccessKeyCommand({ UserName })),
      () => iam.send(new ListAccessKeysCommand({ UserName })),
    ];
    for (const call of calls) await expect(call()).rejects.toMatchObject(missing);
    await expect(iam.send(new DeleteUserCommand({ UserName }))).rejects.toMatchObject(missing);
    const hidden = await iam.send(new ListUsersCommand({}));
    expect(hidden.Users?.map((user) => user.UserName)).toEqual(["leasehold-admin"]);
    await expect(iam.send(create(UserName))).rejects.toMatchObject({
      name: expect.stringMatching(/^EntityAlreadyExists/),
    });
    running.advance(3001);
    for (const call of calls) await expect(call()).resolves.toBeDefined();
  });

  it("creation-delay of a key has it refused and unlisted until its time", async () => {
    const running = await RunningSimulator.start();
    await running.createUser("ada", [allow("iam:GetUser")]);
    running.simulator.faults.add({ kind: "creation-delay", ms: 8000, actions: ["CreateAccessKey"] });
    const key = await running.createKey("ada");
    const list = () => running.iam.send(new ListAccessKeysCommand({ UserName: "ada" }));
    expect((await list()).AccessKeyMetadata).toHaveLength(1);
    await expect(running.iamAs(key).send(get("ada"))).rejects.toMatchObject({ name: "InvalidClientTokenId" });
    running.advance(8001);
    await expect(running.iamAs(key).send(get("ada"))).resolves.toBeDefined();
    expect((await list()).AccessKeyMetadata).toHaveLength(2);
  });

  it("deletion-delay has a deleted key and user work on for a while, as they were", async () => {
    const running = await RunningSimulator.start();
    const { iam, simulator } = running;
    const UserName = "ada";
    const key = await running.createUser(UserName, [allow("iam:GetUser")]);
    const actions = ["DeleteAccessKey", "DeleteUser"];
    simulator.faults.add({ kind: "deletion-delay", ms: 4000, actions });
    const deleteKey = new DeleteAccessKeyCommand({ UserName, AccessKeyId: key.accessKeyId });
    await iam.send(deleteKey);
    await iam.send(new DeleteUserPolicyCommand({ UserName, PolicyName: "given" }));
    await iam.send(new DeleteUserCommand({ UserName }));
    await expect(running.iamAs(key).send(get(UserName))).resolves.toBeDefined();
    await expect(iam.send(new DeleteUserCommand({ UserName }))).rejects.toMatchObject(missing);
    running.advance(4001);
    await expect(running.iamAs(key).send(get(UserName))).rejects.toMatchObject({
      name: "InvalidClientTokenId",
    });
    await expect(iam.send(get(UserName))).rejects.toMatchObject(missing);
  });

  it("of any kind is gone once the faults are cleared", async () => {
    const { iam, simulator } = await RunningSimulator.start();
    simulator.faults.add({ kind: "fail-before" });
    await expect(iam.send(new ListUsersCommand({}))).rejects.toMatchObject(failure);
    simulator.faults.clear();
    await expect(iam.send(new ListUsersCommand({}))).resolves.toBeDefined();
  });
});
