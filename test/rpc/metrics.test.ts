import { beforeEach, describe, expect, it } from "vitest";
import type { Inventory } from "../../src/core/inventory.ts";
import { createMetrics, type Metrics } from "../../src/rpc/metrics.ts";

let metrics: Metrics;
let lines: [level: string, fields: object, message: string][];

beforeEach(() => {
  lines = [];
  const write = (level: string) => (fields: object, message: string) =>
    void lines.push([level, fields, message]);
  metrics = createMetrics({ info: write("info"), warn: write("warn"), error: write("error") });
});

const inventory: Inventory = {
  leases: new Map([
    ["aws", { issuing: 0, active: 12, revoking: 3, irrevocable: 2 }],
    ["kv", { issuing: 0, active: 0, revoking: 0, irrevocable: 0 }],
  ]),
  oldestDueMs: 1500,
};

/** The lines of the metrics that begin with a name. */
async function shown(name: string): Promise<readonly string[]> {
  const { body } = await metrics.text();
  return body.split("\n").filter((line) => line.startsWith(name));
}

function lookInto(take: () => Promise<Inventory>, isObserving = false): void {
  metrics.lookInto({ takeInventory: take, isObserving: () => isObserving, watches: () => 4 });
}

describe("the metrics", () => {
  it("show leases by type and state, and how long the oldest one that is due waits", async () => {
    lookInto(async () => inventory);
    expect(await shown("leasehold_leases{")).toContain('leasehold_leases{type="aws",state="active"} 12');
    expect(await shown("leasehold_leases{")).toHaveLength(8);
    expect(await shown("leasehold_irrevocable_leases")).toEqual(["leasehold_irrevocable_leases 2"]);
    expect(await shown("leasehold_due_unclaimed")).toEqual(["leasehold_due_unclaimed_oldest_seconds 1.5"]);
    expect(await shown("leasehold_watches")).toEqual(["leasehold_watches 4"]);
  });

  it("ask the store once, however many read them at a time and after one another", async () => {
    let asked = 0;
    lookInto(async () => {
      asked += 1;
      return inventory;
    });
    await Promise.all(Array.from({ length: 10 }, () => metrics.text()));
    await metrics.text();
    expect(asked).toBe(1);
  });

  it("leave out what only the store knows while it is away", async () => {
    lookInto(async () => {
      throw new Error("away");
    }, true);
    expect(await shown("leasehold_leases{")).toEqual([]);
    expect(await shown("leasehold_irrevocable_leases")).toEqual([]);
    expect(await shown("leasehold_due_unclaimed")).toEqual([]);
    expect(await shown("leasehold_observing")).toEqual(["leasehold_observing 1"]);
  });

  it("do not wait for a store that never answers", async () => {
    lookInto(() => new Promise(() => {}));
    expect(await shown("leasehold_observing")).toEqual(["leasehold_observing 0"]);
  });

  it("show how many leases a server that observes leaves alone, until it revokes again", async () => {
    metrics.observing({ kind: "began", reasons: ["Because."] });
    metrics.observing({ kind: "waiting", count: 7, ids: ["aws/creds/a/1"] });
    expect(await shown("leasehold_would_revoke")).toEqual(["leasehold_would_revoke_leases 7"]);
    metrics.observing({ kind: "ended" });
    expect(await shown("leasehold_would_revoke")).toEqual(["leasehold_would_revoke_leases 0"]);
    expect(lines.map(([level, fields]) => [level, fields])).toEqual([
      ["warn", { reasons: ["Because."] }],
      ["warn", { wouldRevoke: 7, leaseIds: ["aws/creds/a/1"] }],
      ["info", {}],
    ]);
  });

  it("log at the level of an error once that a lease is irrevocable", () => {
    const failed = { id: "aws/creds/a/1", isIrrevocable: true, error: "AccessDenied" };
    metrics.revocationFailed({ ...failed, isIrrevocable: false, wasIrrevocable: false });
    metrics.revocationFailed({ ...failed, wasIrrevocable: false });
    metrics.revocationFailed({ ...failed, wasIrrevocable: true });
    expect(lines.map(([level]) => level)).toEqual(["warn", "error", "warn"]);
  });

  it("have no label of which there is one for each lease", async () => {
    lookInto(async () => inventory);
    metrics.revocationFailed({ id: "aws/creds/a/1", isIrrevocable: true, wasIrrevocable: false, error: "" });
    metrics.observing({ kind: "waiting", count: 1, ids: ["aws/creds/a/1"] });
    expect((await metrics.text()).body).not.toContain("aws/creds");
  });
});
