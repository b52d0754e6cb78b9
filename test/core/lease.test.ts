import { expect, test } from "vitest";
import { leaseId, leasePath, leaseUuid } from "../../src/core/lease.ts";

test("a lease id holds the path that was read and the uuid", () => {
  const id = leaseId("aws/creds/deploy", "0d042c53");
  expect(id).toBe("aws/creds/deploy/0d042c53");
  expect([leasePath(id), leaseUuid(id)]).toEqual(["aws/creds/deploy", "0d042c53"]);
});

test.each(["", "abc", "/abc"])("an id %j without a path has an empty one", (id) => {
  expect(leasePath(id)).toBe("");
});
