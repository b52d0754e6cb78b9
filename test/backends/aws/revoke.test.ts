import { describe, expect, it } from "vitest";
import type { UserHandle } from "../../../src/backends/aws/user-handle.ts";
import { RetryLater } from "../../../src/core/backend.ts";
import type { JsonObject } from "../../../src/core/json.ts";
import { awsFailure } from "../../kit/fake-iam.ts";
import { type MountedAws, mountAws, rootKey, tutorialPolicy } from "./mounted-aws.ts";

const consistencyMs = 300_000;
const user = "leasehold-deploy-0d042c53aa8a4ce79dfd310351c465e5";
const readOnly = "arn:aws:iam::aws:policy/ReadOnlyAccess";
const ids = {
  leaseUuid: "0d042c53-aa8a-4ce7-9dfd-310351c465e5",
  leaseId: "aws/creds/deploy/0d042c53-aa8a-4ce7-9dfd-310351c465e5",
  accessor: "aws_4f1c2d3e",
  role: "deploy",
};

/** A lease of a role, issued at the time of the clock. */
async function issued(role: JsonObject = { policy_document: tutorialPolicy }) {
  const aws = mountAws({ consistencyMs });
  await aws.ask("write", "config/root", rootKey);
  await aws.ask("write", "roles/deploy", role);
  const { input } = await aws.issueOf("deploy");
  const planned = aws.userType.plan(input, ids);
  const issuedAtMs = aws.clock.nowMs();
  const { handle } = await aws.userType.create(planned, {
    input,
    ids,
    issuedAtMs,
    expiresAtMs: issuedAtMs + 3_600_000,
    signal: new AbortController().signal,
  });
  return { aws, planned, handle, issuedAtMs };
}

interface Attempt {
  readonly nowMs?: number;
  readonly createsEndedAtMs?: number;
}

/** Disarms and destroys side by side; answers the checkpoints. */
async function revoke(aws: MountedAws, handle: JsonObject, times: Attempt = {}): Promise<JsonObject[]> {
  const checkpoints: JsonObject[] = [];
  const { signal } = new AbortController();
  const disarmed = aws.userType.disarm?.(handle, { signal }) ?? Promise.resolve();
  await aws.userType.destroy(handle, {
    disarmed,
    signal,
    nowMs: times.nowMs ?? aws.clock.nowMs(),
    createsEndedAtMs: times.createsEndedAtMs ?? aws.clock.nowMs(),
    checkpoint: async (changed) => void checkpoints.push(changed),
  });
  return checkpoints;
}

const longAgo = { createsEndedAtMs: 0 };

describe("revoking an IAM user", () => {
  it("takes two round trips where the inline policy holds all permissions, the key in the first", async () => {
    const { aws, handle } = await issued();
    const since = aws.iam.calls.length;
    await revoke(aws, handle);
    expect(aws.iam.waves(since)).toEqual([
      ["remove accessKey AKIAFAKE000000000001", "getUser", "remove inlinePolicy leasehold"],
      ["deleteUser"],
    ]);
    expect(aws.iam.users.size).toBe(0);
  });

  it("takes three where there are policies and groups, which stay until the key is deleted", async () => {
    const { aws, handle } = await issued({ policy_arns: [readOnly], iam_groups: ["builders"] });
    const since = aws.iam.calls.length;
    await revoke(aws, handle);
    expect(aws.iam.waves(since)).toEqual([
      ["remove accessKey AKIAFAKE000000000001", "getUser"],
      ["remove inlinePolicy leasehold", `remove attachedPolicy ${readOnly}`, "remove group builders"],
      ["deleteUser"],
    ]);
  });

  it("lists the keys first where their id is not known, and deletes them before anything else", async () => {
    const { aws, planned } = await issued();
    const since = aws.iam.calls.length;
    await revoke(aws, planned);
    const changes = aws.iam.calls.slice(since).filter(({ isChange }) => isChange);
    expect(changes.map(({ text }) => text)).toEqual([
      "remove accessKey AKIAFAKE000000000001",
      "remove inlinePolicy leasehold",
      "deleteUser",
    ]);
    expect(changes.map(({ wave }) => wave)).toEqual([...new Set(changes.map(({ wave }) => wave))]);
  });

  it("holds on to a user that is deleted while it may still be made, until no CreateUser can come any more", async () => {
    const { aws, planned } = await issued();
    const createsEndedAtMs = aws.clock.nowMs() + 20_000;
    const early = await revoke(aws, planned, { createsEndedAtMs }).catch((error: unknown) => error);
    expect(early).toBeInstanceOf(RetryLater);
    expect(early).toMatchObject({ reason: { code: "REVOCATION_PENDING" } });
    expect(aws.iam.users.size).toBe(0);
    const sent = { ...planned, sent: 1 };
    expect(await revoke(aws, sent, { nowMs: createsEndedAtMs, createsEndedAtMs })).toEqual([]);
  });

  it("records that DeleteUser is sent before it sends it, and only while AWS may not have settled", async () => {
    const early = await issued();
    expect(await revoke(early.aws, early.handle)).toEqual([{ ...early.handle, sent: 1 }]);
    const late = await issued();
    expect(await revoke(late.aws, late.handle, longAgo)).toEqual([]);
  });

  it("takes the record back where DeleteUser was refused for certain", async () => {
    const { aws, handle } = await issued();
    const checkpoints: JsonObject[] = [];
    aws.iam.knobs.fault = ({ name }) =>
      name === "deleteUser" ? awsFailure("throttled", "Throttling") : undefined;
    const { signal } = new AbortController();
    const destroyed = aws.userType.destroy(handle, {
      disarmed: Promise.resolve(),
      signal,
      nowMs: aws.clock.nowMs(),
      createsEndedAtMs: aws.clock.nowMs(),
      checkpoint: async (changed) => void checkpoints.push(changed),
    });
    await expect(destroyed).rejects.toBeInstanceOf(RetryLater);
    expect(checkpoints).toEqual([{ ...handle, sent: 1 }, handle]);
  });

  it("does not believe 'no such user' until the consistency window has passed", async () => {
    const { aws, handle, planned } = await issued();
    aws.iam.users.clear();
    for (const lease of [handle, planned]) {
      const endedAtMs = aws.clock.nowMs();
      const times = { createsEndedAtMs: endedAtMs, nowMs: endedAtMs + consistencyMs - 1 };
      await expect(revoke(aws, lease, times)).rejects.toMatchObject({
        name: "NotFound",
        reason: { code: "REVOCATION_PENDING" },
      });
      await revoke(aws, lease, { ...times, nowMs: endedAtMs + consistencyMs });
    }
  });

  it("asks for another attempt within two seconds while it waits for AWS", async () => {
    const { aws, handle } = await issued();
    aws.iam.users.clear();
    const error: unknown = await revoke(aws, handle).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(RetryLater);
    const { afterMs } = error as RetryLater;
    expect(afterMs).toBeGreaterThanOrEqual(1000);
    expect(afterMs).toBeLessThanOrEqual(2000);
  });

  it("believes 'no such user' after a DeleteUser that may have worked", async () => {
    const { aws, handle } = await issued();
    aws.iam.users.clear();
    await revoke(aws, { ...handle, sent: 1 });
  });

  it("never believes 'no such user' from another account than the user was made in", async () => {
    const { aws, handle } = await issued();
    aws.iam.users.clear();
    await aws.storage.update("config/root", (root) => ({ ...root, account: "999988887777" }));
    await expect(revoke(aws, { ...handle, sent: 1 }, longAgo)).rejects.toMatchObject({
      code: "BACKEND_REFUSED",
      message: expect.stringMatching(
        /made with account 111122223333, and the root key is of account 999988887777/,
      ),
    });
  });

  it("never believes 'no such user' while the account of the root key is not known", async () => {
    const { aws, handle } = await issued();
    aws.iam.users.clear();
    aws.iam.knobs.accountId = undefined;
    await aws.storage.update("config/root", (root) => {
      const { account: _, ...rest } = root ?? {};
      return rest;
    });
    await expect(revoke(aws, handle, longAgo)).rejects.toMatchObject({ code: "BACKEND_REFUSED" });
    aws.iam.knobs.accountId = "111122223333";
    aws.clock.advance(61_000);
    await revoke(aws, handle, longAgo);
  });

  it("goes by the id of the root key where no account was ever known", async () => {
    const { aws } = await issued();
    const handle: UserHandle = { user, root: rootKey.access_key, document: 1, key: "AKIAFAKE000000000001" };
    aws.iam.users.clear();
    await revoke(aws, handle, longAgo);
    await expect(revoke(aws, { ...handle, root: "AKIAOTHEROTHEROTHER0" }, longAgo)).rejects.toMatchObject({
      code: "BACKEND_REFUSED",
    });
  });

  it.each([
    ["tag", { tags: { "leasehold:lease": "11111111-aa8a-4ce7-9dfd-310351c465e5" } }],
    ["path", { path: "/people/" }],
  ])("never deletes a user with the %s of somebody else", async (_, change) => {
    const { aws, handle } = await issued();
    const found = aws.iam.users.get(user);
    if (found === undefined) throw new Error("There is no user.");
    Object.assign(found, change);
    await expect(revoke(aws, handle, longAgo)).rejects.toMatchObject({ code: "BACKEND_REFUSED" });
    expect(aws.iam.users.size).toBe(1);
  });

  it("lists and removes everything where AWS says that the user still has something, the keys first", async () => {
    const { aws, handle } = await issued();
    const found = aws.iam.users.get(user);
    if (found === undefined) throw new Error("There is no user.");
    for (const things of Object.values(found.has)) things.add("by hand");
    found.keys.set("AKIABYHAND", "secret");
    found.inline.set("by hand", "{}");
    const since = aws.iam.calls.length;
    await revoke(aws, handle);
    expect(aws.iam.users.size).toBe(0);
    const waves = aws.iam.waves(since);
    expect(waves).toHaveLength(6);
    expect(waves[3]).toEqual(["remove accessKey AKIABYHAND"]);
    expect(waves[4]).toHaveLength(8);
  });

  it("gives up an attempt where DeleteUser is refused however often the user is swept", async () => {
    const { aws, handle } = await issued();
    aws.iam.knobs.fault = ({ name }) =>
      name === "deleteUser"
        ? awsFailure("conflict", "DeleteConflict", "must remove something first.")
        : undefined;
    await expect(revoke(aws, handle, longAgo)).rejects.toMatchObject({
      code: "BACKEND_REFUSED",
      details: { aws_code: "DeleteConflict" },
    });
  });

  it.each([
    ["throttled", "Throttling", { name: "Throttled", reason: { code: "BACKEND_UNAVAILABLE" } }],
    ["unknown", "TimeoutError", { code: "BACKEND_UNAVAILABLE" }],
    ["refused", "AccessDenied", { code: "BACKEND_REFUSED", details: { aws_code: "AccessDenied" } }],
  ] as const)(
    "tells a %s key deletion as what it is, and does not delete the user",
    async (kind, code, expected) => {
      const { aws, handle } = await issued();
      aws.iam.knobs.fault = ({ text }) =>
        text.startsWith("remove accessKey") ? awsFailure(kind, code) : undefined;
      await expect(revoke(aws, handle)).rejects.toMatchObject(expected);
      expect(aws.iam.users.size).toBe(1);
    },
  );

  it("sends a key deletion again at once where there was no answer, and then takes 'no such key' for its success", async () => {
    const { aws, handle } = await issued();
    const since = aws.iam.calls.length;
    let struck = 0;
    aws.iam.knobs.fault = ({ text }) =>
      text.startsWith("remove accessKey") && struck++ === 0 ? "lost reply" : undefined;
    await aws.userType.disarm?.(handle, { signal: new AbortController().signal });
    expect(aws.iam.calls.slice(since).map(({ text }) => text)).toEqual(
      Array(2).fill("remove accessKey AKIAFAKE000000000001"),
    );
  });

  it("does not take 'no such key' for the success of one that had no answer, where the guard would go first", async () => {
    const { aws, handle } = await issued({ policy_arns: ["arn:aws:iam::aws:policy/ReadOnlyAccess"] });
    const seen = aws.iam.users.get(user);
    let struck = 0;
    aws.iam.knobs.fault = ({ text }) => {
      if (!text.startsWith("remove accessKey")) return undefined;
      // The first one never reaches AWS; the second one reaches a part of it that does not know the key yet.
      if (struck++ === 0) return awsFailure("unknown", "ECONNRESET");
      return awsFailure(
        "absent",
        "NoSuchEntity",
        "The Access Key with id AKIAFAKE000000000001 cannot be found.",
      );
    };
    await expect(revoke(aws, handle)).rejects.toMatchObject({ name: "NotFound" });
    expect(struck).toBe(2);
    expect(seen?.keys.size).toBe(1);
    expect([...(seen?.inline.keys() ?? [])]).toEqual(["leasehold"]);
  });

  it("does not take 'no such key' for a success that no deletion was sent for", async () => {
    const { aws, handle } = await issued();
    aws.iam.users.get(user)?.keys.clear();
    const disarmed = aws.userType.disarm?.(handle, { signal: new AbortController().signal });
    await expect(disarmed).rejects.toMatchObject({
      name: "NotFound",
      reason: { code: "REVOCATION_PENDING" },
    });
    await expect(revoke(aws, handle)).rejects.toMatchObject({ name: "NotFound" });
    expect(aws.iam.users.size).toBe(1);
    await revoke(aws, handle, longAgo);
    expect(aws.iam.users.size).toBe(0);
  });

  it("deletes a key that the record does not name before the guard, where the one that it names is gone", async () => {
    const { aws, handle } = await issued({ policy_document: tutorialPolicy, policy_arns: [readOnly] });
    const { signal } = new AbortController();
    await aws.iam.remove({ user, belonging: "accessKey", id: "AKIAFAKE000000000001", signal });
    await aws.iam.createAccessKey({ user, signal });
    const since = aws.iam.calls.length;
    await revoke(aws, handle, { ...longAgo, nowMs: aws.clock.nowMs() + 2 * consistencyMs });
    expect(aws.iam.waves(since)).toEqual([
      ["remove accessKey AKIAFAKE000000000001", "getUser"],
      ["list accessKey"],
      ["remove accessKey AKIAFAKE000000000002"],
      expect.arrayContaining(["remove inlinePolicy leasehold"]),
      ["deleteUser"],
    ]);
    expect(aws.iam.users.size).toBe(0);
  });

  it("waits for its own calls before it rejects for the key's sake", async () => {
    const { aws, handle } = await issued();
    const since = aws.iam.calls.length;
    const destroyed = aws.userType.destroy(handle, {
      disarmed: Promise.reject(new Error("not disarmed")),
      signal: new AbortController().signal,
      nowMs: 0,
      createsEndedAtMs: 0,
      checkpoint: async () => {},
    });
    await expect(destroyed).rejects.toThrow("not disarmed");
    expect(aws.iam.waves(since)).toEqual([["getUser", "remove inlinePolicy leasehold"]]);
  });

  it("works though the role is gone, the root key was replaced, and the handle came from a store", async () => {
    const { aws, handle } = await issued();
    await aws.ask("delete", "roles/deploy");
    await aws.ask("write", "config/root", { ...rootKey, access_key: "AKIAOTHEROTHEROTHER0" });
    await revoke(aws, JSON.parse(JSON.stringify(handle)));
    expect(aws.iam.users.size).toBe(0);
  });
});
