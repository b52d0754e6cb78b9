import { beforeEach, describe, expect, it } from "vitest";
import type { Iam } from "../../../../src/backends/aws/iam.ts";
import type { CallClass } from "../../../../src/backends/aws/pacing/call-class.ts";
import { pacedIam } from "../../../../src/backends/aws/pacing/paced-iam.ts";
import type { Pacer } from "../../../../src/backends/aws/pacing/pacer.ts";
import { createFakeIam, type FakeIam } from "../../../kit/fake-iam.ts";

const user = "leasehold-deploy-1";
const { signal } = new AbortController();

let fake: FakeIam;
let turns: string[];

/** Notes each turn, and gives it at once. */
const pacer: Pacer = {
  budget: ({ account, kind }) => ({
    send(turn, call) {
      turns.push(
        `${account} ${kind} ${turn.class}${turn.isFollowUp ? ", goes on" : ""}: ${fake.calls.length}`,
      );
      return call();
    },
  }),
};

beforeEach(() => {
  fake = createFakeIam({ nowMs: () => 0 });
  turns = [];
});

const paced = (className: CallClass): Iam => pacedIam(fake, { pacer, account: "1111", class: className });

describe("A paced client", () => {
  it("has an issue begin with its user, and go on with everything else", async () => {
    const iam = paced("issue");
    await iam.createUser({ user, path: "/leasehold/", tags: {}, boundaryArn: undefined, signal });
    await iam.createAccessKey({ user, signal });
    await iam.putInlinePolicy({ user, policy: "leasehold", document: "{}", signal });
    await iam.attachPolicy({ user, arn: "arn:aws:iam::aws:policy/ReadOnlyAccess", signal });
    await iam.addToGroup({ user, group: "builders", signal });
    await iam.tagUser({ user, tags: { a: "b" }, signal });
    expect(await iam.getInlinePolicy({ user, policy: "leasehold", signal })).toBe("{}");
    expect(turns).toEqual([
      "1111 writes issue: 0",
      "1111 writes issue, goes on: 1",
      "1111 writes issue, goes on: 2",
      "1111 writes issue, goes on: 3",
      "1111 writes issue, goes on: 4",
      "1111 writes issue, goes on: 5",
      "1111 reads issue, goes on: 6",
    ]);
  });

  it("has a revocation end with its user, and read from a budget of its own", async () => {
    await paced("issue").createUser({ user, path: "/leasehold/", tags: {}, boundaryArn: undefined, signal });
    const { id } = await paced("issue").createAccessKey({ user, signal });
    turns = [];
    const disarming = paced("disarm");
    expect(await disarming.list({ user, belonging: "accessKey", signal })).toEqual([id]);
    await disarming.remove({ user, belonging: "accessKey", id, signal });
    const tidying = paced("tidy");
    expect(await tidying.getUser({ user, signal })).toEqual({ path: "/leasehold/", tags: {} });
    await tidying.deleteUser({ user, signal });
    expect(turns).toEqual([
      "1111 reads disarm: 2",
      "1111 writes disarm: 3",
      "1111 reads tidy: 4",
      "1111 writes tidy, goes on: 5",
    ]);
  });

  it("asks for the account without a turn, and closes the client", async () => {
    const iam = paced("issue");
    expect(await iam.accountId({ signal })).toBe("111122223333");
    iam.close();
    expect(turns).toEqual([]);
    expect(fake.closed()).toBe(1);
  });
});
