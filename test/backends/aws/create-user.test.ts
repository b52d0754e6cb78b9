import { describe, expect, it } from "vitest";
import { NothingCreated } from "../../../src/core/backend.ts";
import { CoreError } from "../../../src/core/errors.ts";
import type { JsonObject } from "../../../src/core/json.ts";
import { awsFailure, type FakeCall } from "../../kit/fake-iam.ts";
import { createManualClock } from "../../kit/manual-clock.ts";
import { mountAws, rootKey, tutorialPolicy } from "./mounted-aws.ts";

const user = "leasehold-deploy-0d042c53aa8a4ce79dfd310351c465e5";
const ids = {
  leaseUuid: "0d042c53-aa8a-4ce7-9dfd-310351c465e5",
  leaseId: "aws/creds/deploy/0d042c53-aa8a-4ce7-9dfd-310351c465e5",
  accessor: "aws_4f1c2d3e",
  role: "deploy",
};

async function begun(role: JsonObject = { policy_document: tutorialPolicy }) {
  const aws = mountAws();
  await aws.ask("write", "config/root", rootKey);
  await aws.ask("write", "roles/deploy", role);
  const { input } = await aws.issueOf("deploy");
  const handle = aws.userType.plan(input, ids);
  const since = aws.iam.calls.length;
  const create = (signal = new AbortController().signal) =>
    aws.userType.create(handle, {
      input,
      ids,
      issuedAtMs: aws.clock.nowMs(),
      expiresAtMs: Date.parse("2026-11-24T11:00:00Z"),
      signal,
    });
  const texts = () => aws.iam.calls.slice(since).map(({ text }) => text);
  return { aws, handle, create, since, texts };
}

/** Lets a fault happen to the first calls of a name. */
function first<T>(times: number, name: string, fault: T): (call: FakeCall) => T | undefined {
  let left = times;
  return (call) => (call.name === name && left-- > 0 ? fault : undefined);
}

const throttled = awsFailure("throttled", "Throttling", "Rate exceeded");
const timedOut = awsFailure("unknown", "TimeoutError", "socket timed out");

describe("creating an IAM user", () => {
  it("takes two round trips", async () => {
    const { aws, create, since } = await begun({
      policy_document: tutorialPolicy,
      policy_arns: ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
      iam_groups: ["builders"],
    });
    await create();
    expect(aws.iam.waves(since)).toEqual([
      ["createUser"],
      [
        "createAccessKey",
        "putInlinePolicy",
        "attachPolicy arn:aws:iam::aws:policy/ReadOnlyAccess",
        "addToGroup builders",
      ],
    ]);
  });

  it("is not asked for again by a process that got no time until the limit was over", async () => {
    const { aws, create, texts } = await begun();
    aws.iam.knobs.fault = first(1, "createUser", throttled);
    const limit = new AbortController();
    const sleep = aws.clock.sleep;
    let pauses = 0;
    // The pause is over first, and the limit, which is due as well, right after it.
    aws.clock.sleep = async (ms, signal) => {
      if (++pauses === 2) limit.abort(new CoreError("BACKEND_UNAVAILABLE", "Too late."));
      await sleep(ms, signal);
    };
    await expect(create(limit.signal)).rejects.toMatchObject({ reason: { message: "Too late." } });
    expect(texts()).toEqual(["createUser"]);
  });

  it("tags the user, and ends its permissions by itself, a quarter of the TTL and two minutes after the expiry", async () => {
    const { aws, create } = await begun({ policy_document: tutorialPolicy, iam_tags: { team: "blue" } });
    await create();
    const made = aws.iam.users.get(user);
    expect(made).toMatchObject({
      path: "/leasehold/",
      tags: {
        team: "blue",
        "leasehold:lease": ids.leaseUuid,
        "leasehold:mount": "aws_4f1c2d3e",
        "leasehold:role": "deploy",
        "leasehold:expires": "2026-11-24T11:15:00Z",
      },
    });
    expect(JSON.parse(made?.inline.get("leasehold") ?? "")).toEqual({
      Version: "2012-10-17",
      Statement: [
        { Sid: "Stmt1426528957000", Effect: "Allow", Action: ["ec2:*"], Resource: ["*"] },
        {
          Sid: "LeaseholdGuard",
          Effect: "Deny",
          Action: "*",
          Resource: "*",
          Condition: { DateGreaterThan: { "aws:CurrentTime": "2026-11-24T11:17:00Z" } },
        },
      ],
    });
  });

  it("gives a user without a document the guard alone", async () => {
    const { aws, create } = await begun({ iam_groups: ["builders"], user_path: "/ci/" });
    await create();
    const made = aws.iam.users.get(user);
    expect(made?.path).toBe("/ci/");
    expect(JSON.parse(made?.inline.get("leasehold") ?? "").Statement).toHaveLength(1);
  });

  it.each([
    ["the role's grace", { deadmans_switch_grace: "10m" }, "2026-11-24T11:25:00Z"],
    ["else the mount's", {}, "2026-11-24T11:15:30Z"],
  ])("goes by %s", async (_, role, deniesFrom) => {
    const aws = mountAws();
    await aws.ask("write", "config/root", rootKey);
    await aws.ask("write", "config/lease", { deadmans_switch_grace: 30 });
    await aws.ask("write", "roles/deploy", { policy_document: tutorialPolicy, ...role });
    const { input } = await aws.issueOf("deploy");
    await aws.userType.create(aws.userType.plan(input, ids), {
      ...{ input, ids, issuedAtMs: aws.clock.nowMs(), signal: new AbortController().signal },
      expiresAtMs: Date.parse("2026-11-24T11:00:00Z"),
    });
    expect(aws.iam.users.get(user)?.inline.get("leasehold")).toContain(deniesFrom);
  });

  it("gives a user without a dead man's switch its document alone, and one without a document no policy", async () => {
    const { aws, create } = await begun({ policy_document: tutorialPolicy, deadmans_switch: false });
    await create();
    expect(JSON.parse(aws.iam.users.get(user)?.inline.get("leasehold") ?? "")).toEqual(tutorialPolicy);
    const bare = await begun({ iam_groups: ["builders"], deadmans_switch: false });
    await bare.create();
    expect(bare.aws.iam.users.get(user)?.inline.size).toBe(0);
  });

  it("puts the caller, the role, the mount and the lease in place of variables", async () => {
    const { aws, create } = await begun({
      policy_document: {
        Version: "2012-10-17",
        Statement: [
          { Effect: "Allow", Action: "s3:*", Resource: "arn:aws:s3:::{{mount}}-{{role}}/{{caller.id}}/*" },
        ],
      },
      iam_tags: { owner: "{{caller.name}}", lease: "{{lease.uuid}}" },
    });
    await create();
    const made = aws.iam.users.get(user);
    expect(made?.tags).toMatchObject({ owner: "caller", lease: ids.leaseUuid });
    expect(made?.inline.get("leasehold")).toContain('"arn:aws:s3:::aws-deploy/caller/*"');
  });

  it("answers the key once, and its id alone in the handle", async () => {
    const { create, handle } = await begun();
    const created = await create();
    expect(created.secret).toEqual({
      access_key: "AKIAFAKE000000000001",
      secret_key: "secret-of-AKIAFAKE000000000001",
    });
    const guardedToMs = Date.parse("2026-11-24T11:15:00Z");
    expect(created.handle).toEqual({ ...handle, key: "AKIAFAKE000000000001", guardedToMs });
  });

  it.each([
    [true, []],
    [false, [expect.stringContaining("use it again in some seconds")]],
  ])("says whether AWS knows the key where the caller waits for that: %s", async (isKnown, warnings) => {
    const clock = createManualClock();
    const aws = mountAws({ clock });
    await aws.ask("write", "config/root", rootKey);
    await aws.ask("write", "roles/deploy", { policy_document: tutorialPolicy });
    const { input } = await aws.issueOf("deploy", { wait_for_ready: true });
    const since = aws.iam.calls.length;
    const unknown = awsFailure("refused", "InvalidClientTokenId");
    aws.iam.knobs.fault = ({ name }) => (name === "accountId" && !isKnown ? unknown : undefined);
    const issuedAtMs = clock.nowMs();
    const created = aws.userType.create(aws.userType.plan(input, ids), {
      ...{ input, ids, issuedAtMs, signal: new AbortController().signal },
      expiresAtMs: issuedAtMs + 3_600_000,
      endsAtMs: issuedAtMs + 10_000,
    });
    let isDone = false;
    void created.finally(() => {
      isDone = true;
    });
    // The fake answers a few turns later, with nobody asleep meanwhile.
    for (let turns = 0; turns < 1000 && !isDone; turns++) await clock.advance(50);
    const { secret, warnings: told = [] } = await created;
    expect(secret).toEqual({
      access_key: "AKIAFAKE000000000001",
      secret_key: "secret-of-AKIAFAKE000000000001",
      ready: isKnown,
    });
    expect(told).toEqual(warnings);
    expect(aws.iam.waves(since).slice(0, 3)).toEqual([
      ["createUser"],
      ["createAccessKey", "putInlinePolicy"],
      ["accountId"],
    ]);
  });

  it.each([
    ["AccessDenied", "refused"],
    ["LimitExceeded", "refused"],
    ["NoSuchEntity", "absent"],
  ] as const)("says that nothing exists where CreateUser was refused with %s", async (code, kind) => {
    const { aws, create } = await begun();
    aws.iam.knobs.fault = first(1, "createUser", awsFailure(kind, code, "Said by AWS."));
    const error = await create().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(NothingCreated);
    expect(error).toMatchObject({
      reason: {
        code: "BACKEND_REFUSED",
        details: { aws_code: code },
        message: expect.stringContaining("Said by AWS."),
      },
    });
  });

  it("does not say so where an earlier CreateUser had no answer", async () => {
    const { aws, create } = await begun();
    const faults = [timedOut, awsFailure("refused", "AccessDenied")];
    aws.iam.knobs.fault = ({ name }) => (name === "createUser" ? faults.shift() : undefined);
    await expect(create()).rejects.toMatchObject({ name: "CoreError", code: "BACKEND_REFUSED" });
  });

  it("does not say so where CreateUser was throttled to the end", async () => {
    const { aws, create, texts } = await begun();
    aws.iam.knobs.fault = () => throttled;
    await expect(create()).rejects.toMatchObject({ name: "CoreError", code: "BACKEND_UNAVAILABLE" });
    expect(texts()).toEqual(Array(4).fill("createUser"));
  });

  it("goes by max_retries", async () => {
    const { aws } = await begun();
    await aws.ask("write", "config/root", { max_retries: 0 });
    const { input } = await aws.issueOf("deploy");
    const since = aws.iam.calls.length;
    aws.iam.knobs.fault = () => throttled;
    const context = { input, ids, issuedAtMs: 0, expiresAtMs: 0, signal: new AbortController().signal };
    await expect(aws.userType.create(aws.userType.plan(input, ids), context)).rejects.toThrow(
      "Rate exceeded",
    );
    expect(aws.iam.calls.length - since).toBe(1);
  });

  it("takes a user that exists as its own by the lease's tag alone", async () => {
    const { aws, create } = await begun();
    const signal = new AbortController().signal;
    await aws.iam.createUser({ user, path: "/leasehold/", tags: {}, boundaryArn: undefined, signal });
    const error = await create().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(NothingCreated);
    expect(error).toMatchObject({ reason: { details: { aws_code: "EntityAlreadyExists" } } });
    expect(aws.iam.users.get(user)?.keys.size).toBe(0);
  });

  it("waits for a new user to be seen", async () => {
    const { aws, create } = await begun();
    aws.iam.knobs.visibleAfterMs = 10_000;
    await create();
    expect(aws.iam.users.get(user)?.keys.size).toBe(1);
  });

  it.each([
    ["policy", { policy_arns: ["arn:aws:iam::111122223333:policy/missing"] }],
    ["group", { iam_groups: ["missing"] }],
  ])("is refused at once where a %s does not exist", async (_, role) => {
    const { create, texts } = await begun({ policy_document: tutorialPolicy, ...role });
    await expect(create()).rejects.toMatchObject({
      code: "BACKEND_REFUSED",
      details: { aws_code: "NoSuchEntity" },
      message: expect.stringContaining("missing"),
    });
    expect(texts()).toHaveLength(4);
  });

  it("waits for what it sent beside a refused call, and then sends nothing again", async () => {
    const { aws, create, texts } = await begun();
    aws.iam.knobs.fault = ({ name }) =>
      name === "putInlinePolicy"
        ? awsFailure("refused", "MalformedPolicyDocument", "Syntax errors in policy.")
        : name === "createAccessKey"
          ? throttled
          : undefined;
    await expect(create()).rejects.toMatchObject({ details: { aws_code: "MalformedPolicyDocument" } });
    // With no pause between, the key was sent again once before the refusal came back; it has four tries otherwise.
    expect(texts().filter((text) => text === "createAccessKey").length).toBeLessThanOrEqual(2);
  });

  it("deletes every key before it asks for another one where the reply to the first was lost", async () => {
    const { aws, create, texts } = await begun();
    aws.iam.knobs.fault = first(1, "createAccessKey", "lost reply" as const);
    const { secret } = await create();
    expect([...(aws.iam.users.get(user)?.keys.keys() ?? [])]).toEqual([secret["access_key"]]);
    expect(texts().filter((text) => /accessKey|AccessKey/.test(text))).toEqual([
      "createAccessKey",
      "list accessKey",
      "remove accessKey AKIAFAKE000000000001",
      "createAccessKey",
    ]);
  });

  it("stays in doubt while the keys cannot be listed", async () => {
    const { aws, create, texts } = await begun();
    const lost = first(1, "createAccessKey", "lost reply" as const);
    const busy = first(2, "list", throttled);
    aws.iam.knobs.fault = (call) => lost(call) ?? busy(call);
    await create();
    expect(aws.iam.users.get(user)?.keys.size).toBe(1);
    expect(texts().filter((text) => text === "list accessKey")).toHaveLength(3);
  });

  it.each(["createUser", "createAccessKey", "putInlinePolicy"])(
    "sends no creating call after the caller hung up during %s, and rejects with the caller's reason",
    async (name) => {
      const { aws, create } = await begun();
      const caller = new AbortController();
      const gone = new CoreError("CANCELLED", "The caller hung up.");
      let sentAfter = 0;
      aws.iam.knobs.fault = (call) => {
        if (caller.signal.aborted && call.wave > 2) sentAfter++;
        if (call.name !== name) return undefined;
        caller.abort(gone);
        return throttled;
      };
      await expect(create(caller.signal)).rejects.toBe(gone);
      expect(sentAfter).toBe(0);
    },
  );

  it("tells of a deadline in its own words", async () => {
    const { create } = await begun();
    const error = await create(AbortSignal.abort()).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: "NothingCreated", reason: { code: "BACKEND_UNAVAILABLE" } });
  });
});
