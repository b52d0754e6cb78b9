import { describe, expect, it } from "vitest";
import { awsFailure } from "../../../kit/fake-iam.ts";
import { tutorialPolicy } from "../mounted-aws.ts";
import { type OrphanedAws, orphanedAws } from "./orphaned-aws.ts";

const hourMs = 3_600_000;
const minuteMs = 60_000;

/** A mount with orphans that are over, and their names. */
async function withExpired(count: number): Promise<{ aws: OrphanedAws; users: string[] }> {
  const aws = await orphanedAws();
  const users: string[] = [];
  for (let made = 0; made < count; made++) {
    users.push((await aws.issue({ ttlMs: 4 * minuteMs + made * 1000 })).user);
  }
  aws.clock.advance(hourMs);
  return { aws, users };
}

const isThere = (aws: OrphanedAws, user: string) => aws.iam.users.has(user);

describe("tidy", () => {
  it("removes orphans that are over, and nobody else", async () => {
    const { aws, users } = await withExpired(1);
    const kept = [
      await aws.issue({ isKnown: true }),
      await aws.issue(),
      await aws.issue({ accessor: "aws_other77", ttlMs: 1000 }),
    ];
    aws.clock.advance(10 * minuteMs);
    expect(await aws.data("tidy")).toMatchObject({
      ...{ dry_run: false, removed: 1, removed_users: users, left: 0, live: 1, orphans: 1, foreign: 1 },
    });
    expect([...aws.iam.users.keys()].sort()).toEqual(kept.map(({ user }) => user).sort());
  });

  it("deletes every key first, and takes off whatever else there is", async () => {
    const { aws, users } = await withExpired(1);
    const [user = ""] = users;
    const { signal } = new AbortController();
    await aws.iam.createAccessKey({ user, signal });
    await aws.iam.attachPolicy({ user, arn: "arn:aws:iam::aws:policy/ReadOnlyAccess", signal });
    await aws.iam.addToGroup({ user, group: "builders", signal });
    const since = aws.iam.calls.length;
    expect(await aws.data("tidy")).toMatchObject({ removed: 1 });
    const changes = aws.iam.calls.slice(since).filter(({ isChange }) => isChange);
    expect(changes.slice(0, 2).map(({ text }) => text)).toEqual([
      ...[expect.stringMatching(/^remove accessKey/), expect.stringMatching(/^remove accessKey/)],
    ]);
    expect(changes.at(-1)?.name).toBe("deleteUser");
    expect(isThere(aws, user)).toBe(false);
  });

  it("only tells what it would remove in a dry run", async () => {
    const { aws, users } = await withExpired(2);
    const since = aws.iam.calls.length;
    expect(await aws.data("tidy", { dry_run: true })).toMatchObject({
      ...{ dry_run: true, would_remove: 2, would_remove_users: users.sort() },
    });
    expect(aws.iam.calls.slice(since).filter(({ isChange }) => isChange)).toEqual([]);
  });

  it("removes a share of the leased users in one pass, those first that were over first, and ten at least", async () => {
    const { aws, users } = await withExpired(12);
    const answer = await aws.data("tidy", { share_max: 50 });
    expect(answer).toMatchObject({ removals_max: 10, removed: 10, left: 2 });
    expect(answer.left_users).toEqual(
      users.slice(10).map((user) => ({ user, why: expect.stringContaining("10 at most") })),
    );
    expect(users.map((user) => isThere(aws, user))).toEqual(users.map((_, at) => at >= 10));
    expect(await aws.data("tidy")).toMatchObject({ removed: 2, left: 0 });
  });

  it("raises the most that it removes with the share", async () => {
    const { aws } = await withExpired(12);
    expect(await aws.data("tidy", { share_max: 100 })).toMatchObject({ removals_max: 12, removed: 12 });
  });

  it("removes nothing while the server observes only, and says how to go on", async () => {
    const { aws, users } = await withExpired(1);
    aws.leases.isObserveOnly = true;
    const answer = await aws.data("tidy");
    expect(answer).toMatchObject({ removed: 0, left: 1 });
    expect(answer.left_users?.[0]?.why).toContain("leasehold operator resume");
    expect(isThere(aws, users[0] ?? "")).toBe(true);
  });

  it("goes on after a user that AWS refuses to remove, and tells why it is left", async () => {
    const { aws, users } = await withExpired(3);
    const stuck = aws.iam.users.get(users[1] ?? "");
    const [key] = stuck?.keys.keys() ?? [];
    aws.iam.knobs.fault = ({ text }) =>
      text === `remove accessKey ${key}` ? awsFailure("refused", "AccessDenied", "Not this one.") : undefined;
    const answer = await aws.data("tidy");
    expect(answer).toMatchObject({ removed: 2, left: 1 });
    expect(answer.left_users).toEqual([{ user: users[1], why: expect.stringContaining("Not this one.") }]);
  });

  it("leaves a user whose tag was changed after it was looked at", async () => {
    const { aws, users } = await withExpired(1);
    const [user = ""] = users;
    let looks = 0;
    aws.iam.knobs.fault = ({ name }) => {
      const found = aws.iam.users.get(user);
      if (name === "getUser" && ++looks === 2 && found) found.tags = { team: "blue" };
      return undefined;
    };
    const answer = await aws.data("tidy");
    expect(answer).toMatchObject({ removed: 0, left: 1 });
    expect(answer.left_users?.[0]?.why).toContain("is left as it is");
    expect(aws.iam.users.get(user)?.keys.size).toBe(1);
  });

  it("removes those of another accessor only where it is named", async () => {
    const aws = await orphanedAws();
    await aws.ask("write", "roles/deploy", { policy_document: tutorialPolicy });
    const { user } = await aws.issue({ accessor: "aws_other77", ttlMs: 1000 });
    aws.clock.advance(hourMs);
    expect(await aws.data("tidy")).toMatchObject({ removed: 0, foreign: 1 });
    expect(await aws.data("tidy", { accessor: "aws_other77" })).toMatchObject({ removed_users: [user] });
  });
});
