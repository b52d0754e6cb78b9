import { describe, expect, it } from "vitest";
import { awsFailure } from "../../../kit/fake-iam.ts";
import { mountSessions } from "./mounted-sessions.ts";

const document = {
  Version: "2012-10-17",
  Statement: { Effect: "Allow", Action: "s3:*", Resource: "arn:aws:s3:::{{caller.name}}/*" },
};
const federated = { credentialType: "federation_token", document } as const;

describe("a federation token", () => {
  it("is made with the policy of the role, and named for the lease in 32 characters", async () => {
    const { aws, sts, role, open } = await mountSessions();
    await role("a-very-long-name-of-a-role", federated);
    const { secret, ids, expiresAtMs } = await open("sts/a-very-long-name-of-a-role");
    const [made] = sts.made;
    expect(Object.keys(secret)).toEqual(["access_key", "secret_key", "security_token"]);
    expect(made).toMatchObject({
      kind: "getFederationToken",
      name: `leasehold-a-very-lo-${ids.leaseUuid.slice(-12)}`,
      durationSeconds: 3600,
    });
    expect(made?.name.length).toBeLessThanOrEqual(32);
    expect(made?.limits?.policy).toContain("arn:aws:s3:::caller/*");
    expect(expiresAtMs).toBe(aws.clock.nowMs() + 3_600_000);
  });

  it("lives for 36 hours at most, and for 15 minutes at least", async () => {
    const { role, issueOf } = await mountSessions();
    await role("deploy", federated);
    await role("short", { ...federated, maxTtlMs: 3_600_000 });
    expect(await issueOf("creds/deploy")).toMatchObject({
      ttl: { roleMaxMs: 129_600_000, leastMs: 900_000 },
    });
    expect(await issueOf("creds/short")).toMatchObject({ ttl: { roleMaxMs: 3_600_000 } });
  });

  it("is refused to temporary root credentials before AWS is asked", async () => {
    const { sts, role, issueOf } = await mountSessions({
      access_key: "ASIA4SGLQPBX6CSENIQX",
      secret_key: "s",
    });
    await role("deploy", federated);
    await expect(issueOf("creds/deploy")).rejects.toMatchObject({
      code: "BACKEND_REFUSED",
      message: expect.stringContaining('or use the credential type "assumed_role"'),
    });
    expect(sts.calls).toEqual([]);
  });

  it.each(["role_arn", "role_session_name", "mfa_code"])("takes no %s", async (field) => {
    const { role, issueOf } = await mountSessions();
    await role("deploy", federated);
    await expect(issueOf("creds/deploy", { [field]: "123456" })).rejects.toMatchObject({
      code: "INVALID_FIELD",
      details: { field },
      message: expect.stringContaining('role "deploy" is of type "federation_token"'),
    });
  });

  it("needs groups that are there", async () => {
    const { sts, role, issueOf } = await mountSessions();
    await role("deploy", { ...federated, groups: ["nobody"] });
    await expect(issueOf("creds/deploy")).rejects.toMatchObject({
      code: "BACKEND_REFUSED",
      message: expect.stringContaining('read the policies of group "nobody" for role "deploy"'),
    });
    sts.groups.set("nobody", { documents: ["no JSON"], arns: [] });
    await expect(issueOf("creds/deploy")).rejects.toMatchObject({ code: "INVALID_POLICY" });
    sts.groups.set("nobody", { documents: [], arns: Array.from({ length: 11 }, (_, at) => `arn:${at}`) });
    await expect(issueOf("creds/deploy")).rejects.toMatchObject({
      code: "INVALID_POLICY",
      message: expect.stringContaining("name 11 managed policies, and AWS takes 10"),
    });
  });

  it("waits for a throttle of the group's policies", async () => {
    const { sts, role, open } = await mountSessions();
    sts.groups.set("builders", { documents: [], arns: [] });
    await role("deploy", { ...federated, groups: ["builders"] });
    sts.knobs.fault = ({ number }) => (number === 0 ? awsFailure("throttled", "Throttling") : undefined);
    await open("creds/deploy");
    expect(sts.calls.map(({ name }) => name)).toEqual(["readGroup", "readGroup", "getFederationToken"]);
  });

  it("is not made where its policies are too large together", async () => {
    const { sts, role, open } = await mountSessions();
    const large = { ...document, Statement: [{ ...document.Statement, Resource: "x".repeat(1500) }] };
    sts.groups.set("builders", { documents: [JSON.stringify(large)], arns: [] });
    await role("deploy", { ...federated, document: large, groups: ["builders"] });
    await expect(open("creds/deploy")).rejects.toMatchObject({
      reason: {
        code: "INVALID_POLICY",
        message: expect.stringMatching(
          /^The "policy_document" of the role and a policy of the group "builders" make a session policy of \d+ characters, and AWS takes 2048/,
        ),
      },
    });
    expect(sts.made).toEqual([]);
  });

  it("goes on after its lease, which whoever revokes is told, unless it has ended by then", async () => {
    const { aws, role, open, end } = await mountSessions();
    await role("deploy", federated);
    const issued = await open("creds/deploy");
    const [warning, ...others] = await end(issued);
    expect(others).toEqual([]);
    expect(warning).toMatch(
      /^The lease is gone, but the session "leasehold-deploy-\d+" goes on until 2026-11-24T11:00:00Z/,
    );
    aws.clock.advance(3_600_000);
    expect(await end(issued)).toEqual([]);
  });
});
