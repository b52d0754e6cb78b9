import { describe, expect, it } from "vitest";
import type { CoreError } from "../../../../src/core/errors.ts";
import { awsFailure } from "../../../kit/fake-iam.ts";
import { tutorialPolicy } from "../mounted-aws.ts";
import { orphanedAws } from "./orphaned-aws.ts";

const { signal } = new AbortController();
const minuteMs = 60_000;

describe("orphans", () => {
  it("tells orphans, with lease, role and expiry, from users that live, are foreign, or are not ours", async () => {
    const aws = await orphanedAws();
    await aws.issue({ isKnown: true });
    const orphan = await aws.issue();
    const foreign = await aws.issue({ accessor: "aws_other77" });
    const person = { path: "/leasehold/", tags: { team: "blue" }, boundaryArn: undefined, signal };
    await aws.iam.createUser({ user: "ada", ...person });
    const numbered = `leasehold-deploy-${"0".repeat(32)}`;
    await aws.iam.createUser({ user: numbered, ...person });
    const answer = await aws.data("orphans");
    expect(answer).toMatchObject({
      ...{ accessor: aws.accessor, live: 1, orphans: 1, expired_orphans: 0 },
      ...{ foreign: 1, untagged: 2, unchecked: 0 },
    });
    expect(answer.users).toContainEqual({
      ...{ user: orphan.user, path: "/leasehold/", state: "orphan", accessor: aws.accessor },
      ...{ role: "deploy", lease: orphan.lease, expires: "2026-11-24T11:15:00Z" },
    });
    expect(answer.users).toContainEqual(
      expect.objectContaining({ user: foreign.user, state: "foreign", accessor: "aws_other77" }),
    );
    for (const user of ["ada", numbered]) {
      expect(answer.users).toContainEqual(expect.objectContaining({ user, state: "untagged" }));
    }
    expect(answer.users).toHaveLength(4);
  });

  it("asks AWS nothing about users whose name tells a lease that is known", async () => {
    const aws = await orphanedAws();
    for (let count = 0; count < 5; count++) await aws.issue({ isKnown: true });
    const since = aws.iam.calls.length;
    expect(await aws.data("orphans")).toMatchObject({ live: 5 });
    expect(aws.iam.calls.slice(since).map(({ text }) => text)).toEqual(["listUsers /leasehold/"]);
  });

  it("finds the lease of a user that is named otherwise, and of a role with a comma, by its tags", async () => {
    const aws = await orphanedAws();
    const role = `a,b${"c".repeat(40)}`;
    await aws.ask("write", `roles/${role}`, { policy_document: tutorialPolicy });
    const live = await aws.issue({ role, isKnown: true });
    expect(live.user).not.toContain(role);
    const orphan = await aws.issue({ role });
    expect(aws.iam.users.get(orphan.user)?.tags["leasehold:role"]).toBe(role.replace(",", ":"));
    expect(await aws.data("orphans")).toMatchObject({ live: 1, users: [{ role, lease: orphan.lease }] });
  });

  it("takes no lease for unknown that was stored after its user was listed", async () => {
    const aws = await orphanedAws();
    const { lease } = await aws.issue();
    aws.iam.knobs.fault = ({ name }) => {
      if (name === "listUsers") queueMicrotask(() => aws.leases.known.add(lease));
      return undefined;
    };
    expect(await aws.data("orphans")).toMatchObject({ live: 1, orphans: 0 });
  });

  it("looks below the paths of all roles, each once, or at the one that is asked for", async () => {
    const aws = await orphanedAws();
    for (const [role, user_path] of Object.entries({ ci: "/ci/", inner: "/leasehold/inner/" })) {
      await aws.ask("write", `roles/${role}`, { policy_document: tutorialPolicy, user_path });
    }
    for (const role of ["deploy", "ci", "inner"]) await aws.issue({ role });
    const since = aws.iam.calls.length;
    expect(await aws.data("orphans")).toMatchObject({ orphans: 3 });
    const lists = aws.iam.calls.slice(since).filter(({ name }) => name === "listUsers");
    expect(lists.map(({ text }) => text)).toEqual(["listUsers /leasehold/", "listUsers /ci/"]);
    expect(await aws.data("orphans", { user_path: "/ci/" })).toMatchObject({
      ...{ orphans: 1, users: [{ role: "ci" }] },
    });
  });

  it("looks at no user of the path / that is not named like a leased one", async () => {
    const aws = await orphanedAws();
    await aws.iam.createUser({ user: "ada", path: "/", tags: {}, boundaryArn: undefined, signal });
    const { user } = await aws.issue();
    expect(await aws.data("orphans", { user_path: "/" })).toMatchObject({ untagged: 0, users: [{ user }] });
  });

  it("calls an orphan expired once it is over for longer than the grace of its role", async () => {
    const aws = await orphanedAws();
    await aws.ask("write", "roles/deploy", { policy_document: tutorialPolicy, deadmans_switch_grace: "10m" });
    await aws.issue({ ttlMs: 4 * minuteMs });
    aws.clock.advance(14 * minuteMs);
    expect(await aws.data("orphans")).toMatchObject({ orphans: 1, expired_orphans: 0 });
    aws.clock.advance(minuteMs);
    expect(await aws.data("orphans")).toMatchObject({ orphans: 0, expired_orphans: 1 });
  });

  it("passes over a user that is gone by now, and says which one could not be looked at", async () => {
    const aws = await orphanedAws();
    await aws.issue();
    aws.iam.knobs.fault = ({ name }) =>
      name === "getUser" ? awsFailure("absent", "NoSuchEntity") : undefined;
    expect(await aws.data("orphans")).toMatchObject({ orphans: 0, unchecked: 0, users: [] });
    aws.iam.knobs.fault = ({ name }) =>
      name === "getUser" ? awsFailure("refused", "AccessDenied", "iam:GetUser is not allowed.") : undefined;
    const { data, warnings } = await aws.ask("read", "orphans");
    expect(data).toMatchObject({
      users: [{ state: "unchecked", why: expect.stringContaining("iam:GetUser") }],
    });
    expect(warnings).toEqual([expect.stringContaining("1 users could not be looked at")]);
  });

  it("comes back to a list that AWS has no time for, and tells what it needs where AWS refuses it", async () => {
    const aws = await orphanedAws();
    await aws.issue();
    let calls = 0;
    aws.iam.knobs.fault = ({ name }) =>
      name === "listUsers" && ++calls < 3 ? awsFailure("throttled", "Throttling") : undefined;
    expect(await aws.data("orphans")).toMatchObject({ orphans: 1 });
    aws.iam.knobs.fault = () => awsFailure("refused", "AccessDenied", "iam:ListUsers is not allowed.");
    await expect(aws.data("orphans")).rejects.toMatchObject({
      code: "BACKEND_REFUSED",
      message: expect.stringContaining('list the users below "/leasehold/"'),
    } satisfies Partial<CoreError>);
  });

  it.each([
    ["accessor", "any"],
    ["accessor", "AWS/1"],
    ["user_path", "leasehold"],
  ])("refuses %s=%s by name", async (field, value) => {
    const aws = await orphanedAws();
    await expect(aws.data("orphans", { [field]: value })).rejects.toMatchObject({
      ...{ code: "INVALID_FIELD", details: { field }, message: expect.stringContaining(`"${value}"`) },
    });
  });
});
