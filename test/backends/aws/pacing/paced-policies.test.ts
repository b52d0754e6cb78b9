import { describe, expect, it } from "vitest";
import { pacedPolicies } from "../../../../src/backends/aws/pacing/paced-policies.ts";
import type { Pacer } from "../../../../src/backends/aws/pacing/pacer.ts";
import { createFakeSts } from "../../../kit/fake-sts.ts";

describe("Paced policies", () => {
  it("have every call wait for a turn, reads in another budget than writes", async () => {
    const fake = createFakeSts({ nowMs: () => 0 });
    fake.groups.set("builders", { documents: [], arns: [] });
    const turns: string[] = [];
    const pacer: Pacer = {
      budget: ({ account, kind }) => ({
        send(turn, call) {
          turns.push(`${account} ${kind} ${turn.class}: ${fake.calls.length}`);
          return call();
        },
      }),
    };
    const policies = pacedPolicies(fake.policies, { pacer, account: "1111", class: "disarm" });
    const { signal } = new AbortController();
    const on = { role: "reader", policy: "p", signal };
    await policies.putRolePolicy({ ...on, document: "{}" });
    expect(await policies.getRolePolicy(on)).toBe("{}");
    await policies.readGroup({ group: "builders", signal });
    await policies.deleteRolePolicy(on);
    expect(turns).toEqual([
      "1111 writes disarm: 0",
      "1111 reads disarm: 1",
      "1111 reads disarm: 2",
      "1111 writes disarm: 3",
    ]);
  });
});
