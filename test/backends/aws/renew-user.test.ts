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
const hourMs = 3_600_000;
const quarterMs = hourMs / 4;

/** An issued lease of an hour. It can be renewed to end so many milliseconds after its first end. */
async function issued(role: JsonObject = { policy_document: tutorialPolicy }) {
  const aws = mountAws();
  await aws.ask("write", "config/root", rootKey);
  await aws.ask("write", "roles/deploy", role);
  const { input } = await aws.issueOf("deploy");
  const signal = new AbortController().signal;
  const firstEndMs = aws.clock.nowMs() + hourMs;
  const created = await aws.userType.create(aws.userType.plan(input, ids), {
    input,
    ids,
    issuedAtMs: aws.clock.nowMs(),
    expiresAtMs: firstEndMs,
    signal,
  });
  const lease = { handle: created.handle, endsMs: firstEndMs };
  let since = aws.iam.calls.length;
  return {
    aws,
    lease,
    /** Renews as the core does, and stores what comes of it; answers the calls it took. */
    async renew(laterMs = hourMs, { isOvertaken = false } = {}) {
      since = aws.iam.calls.length;
      const expiresAtMs = firstEndMs + laterMs;
      const toldExpiresAtMs = isOvertaken ? undefined : lease.endsMs;
      const context = { expiresAtMs, toldExpiresAtMs, ttlMs: hourMs, signal };
      lease.handle = (await aws.userType.renew?.(lease.handle, context)) ?? lease.handle;
      lease.endsMs = expiresAtMs;
      return aws.iam.waves(since);
    },
    guard: () => /CurrentTime":"([^"]+)"/.exec(aws.iam.users.get(user)?.inline.get("leasehold") ?? "")?.[1],
    tag: () => aws.iam.users.get(user)?.tags["leasehold:expires"],
  };
}

describe("renewing an IAM user", () => {
  it("moves the guard and the tag, and leaves the permissions as they were issued", async () => {
    const { aws, renew, guard, tag } = await issued();
    await aws.ask("write", "roles/deploy", { policy_arns: ["arn:aws:iam::aws:policy/ReadOnlyAccess"] });
    await renew();
    // To 12:00, and a quarter of the TTL ahead.
    expect(tag()).toBe("2026-11-24T12:15:00Z");
    expect(guard()).toBe("2026-11-24T12:17:00Z");
    const { Statement: statements } = JSON.parse(aws.iam.users.get(user)?.inline.get("leasehold") ?? "");
    expect(statements).toHaveLength(2);
    expect(statements[0]).toMatchObject({ Sid: "Stmt1426528957000" });
  });

  it("takes two round trips where there is a document, and one where there is none", async () => {
    const withDocument = await issued();
    expect(await withDocument.renew()).toEqual([["getInlinePolicy"], ["putInlinePolicy", "tagUser"]]);
    const without = await issued({ iam_groups: ["builders"] });
    expect(await without.renew()).toEqual([["putInlinePolicy", "tagUser"]]);
    const unguarded = await issued({ policy_document: tutorialPolicy, deadmans_switch: false });
    expect(await unguarded.renew()).toEqual([["tagUser"]]);
  });

  it("asks nothing of AWS while the guard covers the new end", async () => {
    const { renew, guard, tag } = await issued();
    expect(guard()).toBe("2026-11-24T11:17:00Z");
    expect(await renew(60_000)).toEqual([]);
    expect(await renew(quarterMs)).toEqual([]);
    expect(tag()).toBe("2026-11-24T11:15:00Z");
    expect(await renew(quarterMs + 1000)).toHaveLength(2);
    expect(tag()).toBe("2026-11-24T11:30:01Z");
    expect(await renew(2 * quarterMs)).toEqual([]);
  });

  it("moves the guard of a lease that is renewed every minute once in a quarter of its TTL", async () => {
    const { renew, lease, tag } = await issued();
    let rewritten = 0;
    for (let minutes = 1; minutes <= 120; minutes++) {
      if ((await renew(minutes * 60_000)).length > 0) rewritten++;
      const aheadMs = Date.parse(tag() ?? "") - lease.endsMs;
      expect(aheadMs).toBeGreaterThanOrEqual(0);
      expect(aheadMs).toBeLessThanOrEqual(quarterMs);
    }
    expect(rewritten).toBe(7);
  });

  it("draws the guard in where the lease gets so short that it would lie too far behind", async () => {
    const { renew, guard, tag } = await issued();
    expect(await renew(-60_000)).toHaveLength(2);
    expect(tag()).toBe("2026-11-24T11:14:00Z");
    expect(await renew(0)).toEqual([]);
    expect(await renew(-hourMs / 2)).toHaveLength(2);
    expect(guard()).toBe("2026-11-24T10:47:00Z");
  });

  it("relies on nothing where another renewal may have told AWS something else", async () => {
    const { renew } = await issued();
    expect(await renew(60_000, { isOvertaken: true })).toHaveLength(2);
    expect(await renew(120_000)).toEqual([]);
  });

  it("relies on nothing where the handle does not fit the end that was told last", async () => {
    const { renew, lease } = await issued();
    // Shortened and stored, and the server died before it stored where the guard is now.
    lease.endsMs -= hourMs / 2;
    expect(await renew(60_000)).toHaveLength(2);
  });

  it("moves the guard of a lease that was issued before handles said what it covers", async () => {
    const { renew, lease, tag } = await issued();
    const { guardedToMs: _, ...old } = lease.handle;
    lease.handle = old;
    expect(await renew(60_000)).toHaveLength(2);
    expect(tag()).toBe("2026-11-24T11:16:00Z");
  });

  it("keeps the grace that the lease was issued with", async () => {
    const { aws, renew, guard } = await issued({
      policy_document: tutorialPolicy,
      deadmans_switch_grace: "10m",
    });
    await aws.ask("write", "roles/deploy", { policy_document: tutorialPolicy });
    await renew();
    expect(guard()).toBe("2026-11-24T12:25:00Z");
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
