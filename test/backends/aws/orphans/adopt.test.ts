import { describe, expect, it } from "vitest";
import { awsFailure } from "../../../kit/fake-iam.ts";
import { orphanedAws } from "./orphaned-aws.ts";

describe("adopt", () => {
  it("makes a lease for every orphan, with what a revocation needs, which ends at the time in its tag", async () => {
    const aws = await orphanedAws();
    await aws.issue({ isKnown: true });
    const { user, lease } = await aws.issue();
    const [key] = aws.iam.users.get(user)?.keys.keys() ?? [];
    expect(await aws.data("adopt")).toMatchObject({ adopted: 1, adopted_users: [user], left: 0 });
    const expiresAtMs = Date.parse("2026-11-24T11:15:00Z");
    expect(aws.leases.adopted).toEqual([
      {
        path: "aws/creds/deploy",
        leaseUuid: lease.split("/").at(-1),
        ...{ role: "deploy", secretType: "iam_user", expiresAtMs },
        handle: { user, account: "111122223333", unlisted: 1, guardedToMs: expiresAtMs, key },
      },
    ]);
  });

  it("leaves the key of a user open that has two, so that a revocation deletes both", async () => {
    const aws = await orphanedAws();
    const { user } = await aws.issue();
    await aws.iam.createAccessKey({ user, signal: new AbortController().signal });
    await aws.data("adopt");
    expect(aws.leases.adopted[0]?.handle).not.toHaveProperty("key");
  });

  it("does nothing a second time", async () => {
    const aws = await orphanedAws();
    await aws.issue();
    await aws.data("adopt");
    expect(await aws.data("adopt")).toMatchObject({ adopted: 0, left: 0, live: 1 });
    expect(aws.leases.adopted).toHaveLength(1);
  });

  it("adopts those of a lost mount where its accessor is named, under the path of this one", async () => {
    const aws = await orphanedAws();
    const { user } = await aws.issue({ accessor: "aws_lost777" });
    expect(await aws.data("adopt")).toMatchObject({ adopted: 0, foreign: 1 });
    expect(await aws.data("adopt", { accessor: "aws_lost777" })).toMatchObject({ adopted_users: [user] });
    expect(await aws.data("orphans")).toMatchObject({ live: 1, foreign: 0 });
  });

  it("warns that nothing ends while the server observes only", async () => {
    const aws = await orphanedAws();
    await aws.issue();
    aws.leases.isObserveOnly = true;
    const { data, warnings } = await aws.ask("write", "adopt");
    expect(data).toMatchObject({ adopted: 1 });
    expect(warnings).toEqual([expect.stringContaining("leasehold operator resume")]);
  });

  it("goes on after a user that cannot be adopted, and tells why", async () => {
    const aws = await orphanedAws();
    await aws.issue();
    await aws.issue();
    let lists = 0;
    aws.iam.knobs.fault = ({ text }) =>
      text === "list accessKey" && ++lists === 1 ? awsFailure("absent", "NoSuchEntity") : undefined;
    const answer = await aws.data("adopt");
    expect(answer).toMatchObject({ adopted: 1, left: 1 });
    expect(answer.left_users?.[0]?.why).toBe("It is gone by now.");
  });
});
