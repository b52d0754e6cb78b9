import { describe, expect, it } from "vitest";
import { NothingCreated } from "../../../../src/core/backend.ts";
import { awsFailure } from "../../../kit/fake-iam.ts";
import { mountSessions, newIds, readerArn, readerRole } from "./mounted-sessions.ts";

const otherArn = "arn:aws:iam::111122223333:role/writer";

describe("a session of an AWS role", () => {
  it("is made for the role's only ARN, named for the lease, and ends with it", async () => {
    const { aws, sts, role, open } = await mountSessions();
    await role("deploy", { ...readerRole, externalId: "ours" });
    const { secret, expiresAtMs, ids } = await open("creds/deploy");
    expect(secret).toEqual({
      access_key: "ASIAFAKE000000000001",
      secret_key: "secret-of-000000000001",
      security_token: "token-of-000000000001",
    });
    expect(sts.made).toMatchObject([
      {
        name: `leasehold-deploy-${ids.leaseUuid.slice(-12)}`,
        roleArn: readerArn,
        externalId: "ours",
        durationSeconds: 3600,
        limits: { policy: undefined, policyArns: [], tags: {} },
      },
    ]);
    expect(expiresAtMs).toBe(aws.clock.nowMs() + 3_600_000);
  });

  it("is asked for at sts/ as well as at creds/, by a read as by a write", async () => {
    const { aws, role } = await mountSessions();
    await role("deploy", readerRole);
    for (const [operation, path] of [
      ["read", "creds/deploy"],
      ["write", "creds/deploy"],
      ["read", "sts/deploy"],
      ["write", "sts/deploy"],
    ] as const) {
      const { issue } = await aws.ask(operation, path, { ttl: "30m", role_arn: readerArn });
      expect(issue).toMatchObject({
        secretType: "assumed_role",
        role: "deploy",
        ttl: { requestMs: 1_800_000, roleMaxMs: 43_200_000, leastMs: 900_000 },
      });
    }
  });

  it("is limited by the policies, the tags and the groups of the role", async () => {
    const { sts, role, open } = await mountSessions();
    const statement = (sid: string) => ({ Sid: sid, Effect: "Allow", Action: "s3:*", Resource: "*" });
    const document = { Version: "2012-10-17", Statement: [statement("Own")] };
    sts.groups.set("builders", {
      documents: [JSON.stringify({ Version: "2012-10-17", Statement: statement("Own") })],
      arns: ["arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws:iam::aws:policy/Two"],
    });
    await role("deploy", {
      ...readerRole,
      document,
      policyArns: ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
      groups: ["builders"],
      sessionTags: { who: "{{caller.name}}", lease: "{{lease.uuid}}" },
    });
    const { ids } = await open("creds/deploy");
    const [made] = sts.made;
    const { Sid: _, ...bare } = statement("");
    expect(JSON.parse(made?.limits?.policy ?? "")).toEqual({
      Version: "2012-10-17",
      Statement: [bare, bare],
    });
    expect(made?.limits).toMatchObject({
      policyArns: ["arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws:iam::aws:policy/Two"],
      tags: { who: "caller", lease: ids.leaseUuid },
    });
  });

  it("is not made without limits where the groups that were to limit it have no policies", async () => {
    const { sts, role, issueOf } = await mountSessions();
    sts.groups.set("builders", { documents: [], arns: [] });
    await role("deploy", { ...readerRole, groups: ["builders"] });
    await expect(issueOf("creds/deploy")).rejects.toMatchObject({
      code: "INVALID_POLICY",
      message: expect.stringMatching(/groups "builders" of role "deploy" have no policies/),
      details: { field: "iam_groups", role: "deploy" },
    });
    expect(sts.made).toEqual([]);
  });

  it("wants to be told which ARN where the role has several, and takes none that it has not", async () => {
    const { sts, role, open, issueOf } = await mountSessions();
    sts.roles.set("writer", new Map());
    await role("deploy", { ...readerRole, roleArns: [readerArn, otherArn] });
    await expect(issueOf("creds/deploy")).rejects.toMatchObject({
      code: "INVALID_FIELD",
      details: { field: "role_arn" },
      message: expect.stringContaining(`Name one of "${readerArn}", "${otherArn}"`),
    });
    await expect(issueOf("creds/deploy", { role_arn: "arn:aws:iam::1:role/x" })).rejects.toMatchObject({
      message: expect.stringMatching(/must be one of .* not "arn:aws:iam::1:role\/x"/),
    });
    await open("creds/deploy", { role_arn: otherArn });
    expect(sts.made).toMatchObject([{ roleArn: otherArn }]);
  });

  it("has the name that the caller wants, made the lease's own where it can be cut off", async () => {
    const { sts, role, open, issueOf } = await mountSessions();
    await role("deploy", readerRole);
    await role("cut", { ...readerRole, revokeSessions: true });
    await open("creds/deploy", { role_session_name: "build-17" });
    const { ids } = await open("creds/cut", { role_session_name: "build-17" });
    expect(sts.made.map(({ name }) => name)).toEqual(["build-17", `build-17-${ids.leaseUuid.slice(-12)}`]);
    for (const name of ["x", "a b", "x".repeat(65)]) {
      await expect(issueOf("creds/deploy", { role_session_name: name })).rejects.toMatchObject({
        code: "INVALID_FIELD",
        details: { field: "role_session_name" },
      });
    }
    await expect(issueOf("creds/cut", { role_session_name: "x".repeat(52) })).rejects.toMatchObject({
      message: expect.stringContaining("must be at most 51 characters"),
    });
  });

  it("takes no code of an MFA device", async () => {
    const { role, issueOf } = await mountSessions();
    await role("deploy", readerRole);
    await expect(issueOf("creds/deploy", { mfa_code: "123456" })).rejects.toMatchObject({
      details: { field: "mfa_code" },
      message: expect.stringContaining('is of type "assumed_role"'),
    });
  });

  it("can be cut off only where the AWS role is of the root key's account", async () => {
    const { role, issueOf } = await mountSessions();
    await role("deploy", {
      ...readerRole,
      revokeSessions: true,
      roleArns: ["arn:aws:iam::999999999999:role/x"],
    });
    await expect(issueOf("creds/deploy")).rejects.toMatchObject({
      code: "INVALID_FIELD",
      message: expect.stringContaining("of account 111122223333"),
    });
  });

  it("is as short as AWS allows, and says so where it outlasts its lease", async () => {
    const { aws, sts, role, open } = await mountSessions();
    await role("deploy", readerRole);
    const short = await open("creds/deploy", {}, 890_000);
    expect(sts.made).toMatchObject([{ durationSeconds: 900 }]);
    expect(short.warnings?.[0]).toContain(
      "AWS ends the session at 2026-11-24T10:15:00Z, which is after the lease",
    );
    aws.clock.advance(500);
    const odd = await open("creds/deploy", {}, 1_000_999);
    expect(sts.made).toMatchObject([{}, { durationSeconds: 1000 }]);
    expect(odd.warnings).toBeUndefined();
  });

  it("is sent for again after a throttle or a lost reply", async () => {
    const { sts, role, open } = await mountSessions();
    await role("deploy", readerRole);
    sts.knobs.fault = ({ number }) =>
      number === 0 ? awsFailure("throttled", "Throttling") : number === 1 ? "lost reply" : undefined;
    await open("creds/deploy");
    expect(sts.made).toHaveLength(2);
    expect(sts.made[0]?.name).toBe(sts.made[1]?.name);
  });

  it("is certainly not made where AWS refuses, and perhaps where its last reply was lost", async () => {
    const { sts, role, open } = await mountSessions();
    await role("deploy", readerRole);
    sts.knobs.fault = () => awsFailure("refused", "AccessDenied", "Not authorized.");
    await expect(open("creds/deploy")).rejects.toSatisfy(
      (error) => error instanceof NothingCreated && error.message.includes(`assume the role "${readerArn}"`),
    );
    sts.knobs.fault = () => "lost reply";
    const error = await open("creds/deploy").catch((caught: unknown) => caught);
    expect(error).not.toBeInstanceOf(NothingCreated);
    expect(error).toMatchObject({ code: "BACKEND_UNAVAILABLE" });
  });

  it("is not sent for once nobody waits for it", async () => {
    const { aws, sts, role, issueOf } = await mountSessions();
    await role("deploy", readerRole);
    const { input } = await issueOf("creds/deploy");
    const type = aws.secretTypes.find(({ name }) => name === "assumed_role");
    const ids = newIds("deploy");
    const context = { input, ids, issuedAtMs: 0, expiresAtMs: aws.clock.nowMs() + 3_600_000 };
    const creating = type?.create(type.plan(input, ids), { ...context, signal: AbortSignal.abort() });
    await expect(creating).rejects.toBeInstanceOf(NothingCreated);
    expect(sts.calls).toEqual([]);
  });

  it.each([
    ["PackedPolicyTooLarge", "Packed size is 101%.", "name fewer of"],
    ["ValidationError", "DurationSeconds exceeds the MaxSessionDuration.", 'Ask for a shorter "ttl"'],
  ])("says what to do about %s", async (code, message, hint) => {
    const { sts, role, open } = await mountSessions();
    await role("deploy", readerRole);
    sts.knobs.fault = () => awsFailure("refused", code, message);
    await expect(open("creds/deploy")).rejects.toMatchObject({
      reason: {
        code: "BACKEND_REFUSED",
        message: expect.stringContaining(hint),
        details: { aws_code: code },
      },
    });
  });

  it("says of temporary root credentials that a chain of roles lasts an hour at most", async () => {
    const temporary = { access_key: "ASIA4SGLQPBX6CSENIQX", secret_key: "s" };
    const { sts, role, open } = await mountSessions(temporary);
    await role("deploy", readerRole);
    const message = "DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.";
    sts.knobs.fault = () => awsFailure("refused", "ValidationError", message);
    await expect(open("creds/deploy")).rejects.toMatchObject({
      reason: { message: expect.stringContaining("where they are a role's, AWS allows 1 hour") },
    });
  });

  it("cannot be renewed, nor made anew", async () => {
    const { role, open } = await mountSessions();
    await role("deploy", readerRole);
    const { type } = await open("creds/deploy");
    expect([type.renew, type.reissue]).toEqual([undefined, undefined]);
  });

  it("says by which name and until when it goes on, where its lease is forgotten", async () => {
    const { role, open } = await mountSessions();
    await role("deploy", readerRole);
    const { type, handle } = await open("creds/deploy", { role_session_name: "build-17" });
    expect(type.leftBehind?.(handle, { isDisarmed: false })).toEqual([
      `The session "build-17" of "${readerArn}", which ends by itself at 2026-11-24T11:00:00Z.`,
    ]);
  });
});
