import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../../src/core/json.ts";
import { awsFailure } from "../../kit/fake-iam.ts";
import { mountAws, rootKey, tutorialPolicy } from "./mounted-aws.ts";

const user = "leasehold-deploy-0d042c53aa8a4ce79dfd310351c465e5";
const ids = {
  leaseUuid: "0d042c53-aa8a-4ce7-9dfd-310351c465e5",
  leaseId: "aws/creds/deploy/0d042c53-aa8a-4ce7-9dfd-310351c465e5",
  accessor: "aws_4f1c2d3e",
  role: "deploy",
};
const later = Date.parse("2026-11-24T15:00:00Z");

async function issued(role: JsonObject = { policy_document: tutorialPolicy }) {
  const aws = mountAws();
  await aws.ask("write", "config/root", rootKey);
  await aws.ask("write", "roles/deploy", role);
  const { input } = await aws.issueOf("deploy");
  const signal = new AbortController().signal;
  const created = await aws.userType.create(aws.userType.plan(input, ids), {
    input,
    ids,
    issuedAtMs: aws.clock.nowMs(),
    expiresAtMs: aws.clock.nowMs() + 3_600_000,
    signal,
  });
  const since = aws.iam.calls.length;
  const renew = () => aws.userType.renew?.(created.handle, { expiresAtMs: later, signal });
  return { aws, renew, since };
}

describe("renewing an IAM user", () => {
  it("moves the guard and the tag, and leaves the permissions as they were issued", async () => {
    const { aws, renew } = await issued();
    await aws.ask("write", "roles/deploy", { policy_arns: ["arn:aws:iam::aws:policy/ReadOnlyAccess"] });
    expect(await renew()).toBeUndefined();
    const made = aws.iam.users.get(user);
    expect(made?.tags["leasehold:expires"]).toBe("2026-11-24T15:00:00Z");
    const { Statement: statements } = JSON.parse(made?.inline.get("leasehold") ?? "");
    expect(statements).toHaveLength(2);
    expect(statements[0]).toMatchObject({ Sid: "Stmt1426528957000" });
    expect(statements[1].Condition.DateGreaterThan).toEqual({ "aws:CurrentTime": "2026-11-24T15:02:00Z" });
  });

  it("takes two round trips where there is a document, and one where there is none", async () => {
    const withDocument = await issued();
    await withDocument.renew();
    expect(withDocument.aws.iam.waves(withDocument.since)).toEqual([
      ["getInlinePolicy"],
      ["putInlinePolicy", "tagUser"],
    ]);
    const without = await issued({ iam_groups: ["builders"] });
    await without.renew();
    expect(without.aws.iam.waves(without.since)).toEqual([["putInlinePolicy", "tagUser"]]);
  });

  it("is refused where the user is gone", async () => {
    const { aws, renew } = await issued();
    aws.iam.users.clear();
    await expect(renew()).rejects.toMatchObject({
      code: "BACKEND_REFUSED",
      details: { aws_code: "NoSuchEntity" },
    });
  });

  it("is refused where the policy was replaced by something else", async () => {
    const { aws, renew } = await issued();
    aws.iam.users.get(user)?.inline.set("leasehold", "nonsense");
    await expect(renew()).rejects.toMatchObject({ code: "BACKEND_REFUSED" });
  });

  it("says that AWS is not available where it stays so", async () => {
    const { aws, renew } = await issued();
    aws.iam.knobs.fault = () => awsFailure("unknown", "ECONNREFUSED");
    await expect(renew()).rejects.toMatchObject({ code: "BACKEND_UNAVAILABLE" });
  });
});
