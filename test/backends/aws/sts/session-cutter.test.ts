import { describe, expect, it } from "vitest";
import { awsFailure } from "../../../kit/fake-iam.ts";
import { type MountedSessions, mountSessions, readerArn, readerRole } from "./mounted-sessions.ts";

const policyName = "leasehold-revoked-sessions-aws_4f1c2d3e";
const hourMs = 3_600_000;

async function mounted(): Promise<MountedSessions> {
  const sessions = await mountSessions();
  await sessions.role("cut", { ...readerRole, revokeSessions: true });
  return sessions;
}

function policyOf({ sts }: MountedSessions): { Sid: string; Condition: Record<string, object> }[] {
  const text = sts.roles.get("reader")?.get(policyName);
  return text === undefined ? [] : JSON.parse(text).Statement;
}

const puts = ({ sts }: MountedSessions) => sts.calls.filter(({ name }) => name === "putRolePolicy").length;

describe("revoking a session that can be cut off", () => {
  it("denies everything to that session, and to no other", async () => {
    const sessions = await mounted();
    const [one, two] = [await sessions.open("creds/cut"), await sessions.open("creds/cut")];
    expect(await sessions.end(one)).toEqual([]);
    expect(sessions.sts.working().map(({ name }) => name)).toEqual([two.handle["session"]]);
    expect(policyOf(sessions)).toEqual([
      {
        Sid: "RevokedSessions",
        Effect: "Deny",
        Action: "*",
        Resource: "*",
        Condition: { StringLike: { "aws:userid": [`*:${one.handle["session"]}`] } },
      },
    ]);
  });

  it("keeps all denials though many end at once, in a few calls", async () => {
    const sessions = await mounted();
    const all = await Promise.all(Array.from({ length: 40 }, () => sessions.open("creds/cut")));
    await Promise.all(all.map((issued) => sessions.end(issued)));
    expect(sessions.sts.working()).toEqual([]);
    expect(puts(sessions)).toBeLessThanOrEqual(3);
  });

  it("keeps all denials of a role that was made anew below another path", async () => {
    const sessions = await mounted();
    const movedArn = readerArn.replace("/teams/", "/ops/");
    await sessions.role("moved", { ...readerRole, roleArns: [movedArn], revokeSessions: true });
    const [one, two] = [await sessions.open("creds/cut"), await sessions.open("creds/moved", {}, 2 * hourMs)];
    await sessions.end(one);
    await sessions.end(two);
    expect(sessions.sts.working()).toEqual([]);
    sessions.aws.clock.advance(hourMs + 600_000);
    await sessions.aws.upkeep();
    expect(JSON.stringify(policyOf(sessions))).toContain(two.handle["session"]);
  });

  it("does it once, however often it is asked", async () => {
    const sessions = await mounted();
    const issued = await sessions.open("creds/cut");
    await sessions.end(issued);
    await sessions.end(issued);
    expect(puts(sessions)).toBe(1);
  });

  it("does nothing where the session has ended, or is about to", async () => {
    const sessions = await mounted();
    const issued = await sessions.open("creds/cut");
    sessions.aws.clock.advance(hourMs - 4000);
    expect(await sessions.end(issued)).toEqual([]);
    expect(puts(sessions)).toBe(0);
  });

  it("denies a session that may exist, since the reply to AssumeRole was lost", async () => {
    const sessions = await mounted();
    const { input } = await sessions.issueOf("creds/cut");
    const issued = await sessions.open("creds/cut");
    const planned = issued.type.plan(input, issued.ids);
    await sessions.end({ ...issued, handle: planned });
    expect(sessions.sts.working()).toEqual([]);
  });

  it("takes sessions that have ended off the policy, and the policy off the role", async () => {
    const sessions = await mounted();
    const [one, two] = [await sessions.open("creds/cut"), await sessions.open("creds/cut", {}, 2 * hourMs)];
    await sessions.end(one);
    await sessions.end(two);
    const { clock } = sessions.aws;
    await sessions.aws.upkeep();
    expect(puts(sessions)).toBe(2);
    clock.advance(hourMs + 600_000);
    await sessions.aws.upkeep();
    expect(JSON.stringify(policyOf(sessions))).not.toContain(one.handle["session"]);
    expect(JSON.stringify(policyOf(sessions))).toContain(two.handle["session"]);
    clock.advance(hourMs);
    await sessions.aws.upkeep();
    expect(sessions.sts.roles.get("reader")?.size).toBe(0);
    const calls = sessions.sts.calls.length;
    await sessions.aws.upkeep();
    expect(sessions.sts.calls).toHaveLength(calls);
  });

  it("denies all sessions issued until now where there is no room for one more name, and says so", async () => {
    const sessions = await mounted();
    sessions.sts.knobs.rolePolicyCharactersMax = 400;
    const all = [];
    for (let count = 0; count < 9; count++) all.push(await sessions.open("creds/cut"));
    sessions.aws.clock.advance(5000);
    const warnings = [];
    for (const issued of all) warnings.push(...(await sessions.end(issued)));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(`The policy of "${readerArn}" had no room left`);
    expect(sessions.sts.working()).toEqual([]);
    sessions.aws.clock.advance(5000);
    const later = await sessions.open("creds/cut");
    expect(sessions.sts.working().map(({ name }) => name)).toEqual([later.handle["session"]]);
    await sessions.end(later);
    expect(policyOf(sessions).map(({ Sid }) => Sid)).toEqual(["RevokedSessions", "SessionsIssuedBefore"]);
    expect(sessions.sts.working()).toEqual([]);
    sessions.aws.clock.advance(2 * hourMs);
    await sessions.aws.upkeep();
    expect(sessions.sts.roles.get("reader")?.size).toBe(0);
  });

  it("never writes more than a role can have", async () => {
    const sessions = await mounted();
    const all = await Promise.all(Array.from({ length: 400 }, () => sessions.open("creds/cut")));
    await Promise.all(all.map((issued) => sessions.end(issued)));
    expect(sessions.sts.working()).toEqual([]);
    expect(sessions.sts.roles.get("reader")?.get(policyName)?.length).toBeLessThan(10_240);
  });

  it("fails where other policies of the role leave no room at all", async () => {
    const sessions = await mounted();
    sessions.sts.knobs.rolePolicyCharactersMax = 10;
    const issued = await sessions.open("creds/cut");
    await expect(sessions.end(issued)).rejects.toMatchObject({
      code: "BACKEND_REFUSED",
      details: { aws_code: "LimitExceeded" },
    });
    sessions.sts.knobs.rolePolicyCharactersMax = 10_240;
    await sessions.end(issued);
    expect(sessions.sts.working()).toEqual([]);
  });

  it("uses no attempt when AWS throttles", async () => {
    const sessions = await mounted();
    const issued = await sessions.open("creds/cut");
    sessions.sts.knobs.fault = () => awsFailure("throttled", "Throttling");
    await expect(sessions.end(issued)).rejects.toMatchObject({ name: "Throttled" });
    sessions.sts.knobs.fault = () => undefined;
    await sessions.end(issued);
    expect(sessions.sts.working()).toEqual([]);
  });

  it("writes nothing more while a call without a reply may still arrive, and then writes again", async () => {
    const sessions = await mounted();
    const issued = await sessions.open("creds/cut");
    sessions.sts.knobs.fault = () => "lost reply";
    await expect(sessions.end(issued)).rejects.toMatchObject({ code: "BACKEND_UNAVAILABLE" });
    sessions.sts.knobs.fault = () => undefined;
    const later = await sessions.end(issued).catch((error: unknown) => error);
    expect(later).toMatchObject({ name: "RetryLater", reason: { code: "REVOCATION_PENDING" } });
    expect(puts(sessions)).toBe(1);
    sessions.aws.clock.advance(15_000);
    await sessions.end(issued);
    expect(puts(sessions)).toBe(2);
    expect(sessions.sts.working()).toEqual([]);
  });

  it("finishes in a later round what a server that died has stored and not written", async () => {
    const sessions = await mounted();
    const issued = await sessions.open("creds/cut");
    sessions.sts.knobs.fault = () => "lost reply";
    await sessions.end(issued).catch(() => {});
    sessions.sts.roles.get("reader")?.clear();
    sessions.sts.knobs.fault = () => undefined;
    await sessions.aws.upkeep();
    expect(puts(sessions)).toBe(1);
    sessions.aws.clock.advance(15_000);
    await sessions.aws.upkeep();
    expect(sessions.sts.working()).toEqual([]);
  });

  it("is done where the role is gone from AWS", async () => {
    const sessions = await mounted();
    const issued = await sessions.open("creds/cut");
    sessions.sts.roles.delete("reader");
    expect(await sessions.end(issued)).toEqual([]);
  });

  it("is refused with root credentials of another account, whose role of the same name is another", async () => {
    const sessions = await mounted();
    const issued = await sessions.open("creds/cut");
    await sessions.aws.storage.update("config/root", (config) => ({ ...config, account: "999999999999" }));
    await expect(sessions.end(issued)).rejects.toMatchObject({
      code: "BACKEND_REFUSED",
      message: expect.stringContaining("the account of the root credentials is 999999999999"),
    });
    expect(puts(sessions)).toBe(0);
  });

  it("tells what a failing round of the upkeep failed with, after all roles had their turn", async () => {
    const sessions = await mounted();
    const writerArn = "arn:aws:iam::111122223333:role/writer";
    sessions.sts.roles.set("writer", new Map());
    await sessions.role("both", { ...readerRole, roleArns: [readerArn, writerArn], revokeSessions: true });
    for (const role_arn of [readerArn, writerArn])
      await sessions.end(await sessions.open("creds/both", { role_arn }));
    sessions.aws.clock.advance(2 * hourMs);
    sessions.sts.knobs.fault = ({ text }) =>
      text === "deleteRolePolicy reader" ? awsFailure("refused", "AccessDenied") : undefined;
    await expect(sessions.aws.upkeep()).rejects.toMatchObject({ code: "BACKEND_REFUSED" });
    expect(sessions.sts.roles.get("writer")?.size).toBe(0);
  });
});
