import { Registry } from "prom-client";
import { beforeEach, describe, expect, it } from "vitest";
import type { VendorTelemetry } from "../../src/core/vendor-telemetry.ts";
import { createVendorMetrics } from "../../src/rpc/vendor-metrics.ts";

const writes = { account: "111122223333", kind: "writes" } as const;

let registry: Registry;
let metrics: VendorTelemetry;
let lines: [level: string, message: string][];

beforeEach(() => {
  registry = new Registry();
  lines = [];
  const write = (level: string) => (_: object, message: string) => void lines.push([level, message]);
  metrics = createVendorMetrics(registry, {
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
  });
});

/** The lines of the metrics that begin with a name. */
async function shown(name: string): Promise<readonly string[]> {
  return (await registry.metrics()).split("\n").filter((line) => line.startsWith(name));
}

describe("the metrics of calls to AWS", () => {
  it("count calls by action and outcome, and throttled ones by account", async () => {
    metrics.called("CreateUser", "OK");
    metrics.called("CreateUser", "OK");
    metrics.called("DeleteUser", "Throttling");
    metrics.throttled(writes);
    expect(await shown("leasehold_aws_calls_total")).toEqual([
      'leasehold_aws_calls_total{action="CreateUser",outcome="OK"} 2',
      'leasehold_aws_calls_total{action="DeleteUser",outcome="Throttling"} 1',
    ]);
    expect(await shown("leasehold_aws_throttled_total")).toEqual([
      'leasehold_aws_throttled_total{account="111122223333",calls="writes"} 1',
    ]);
  });

  it("show an endpoint's own outcomes only up to a number, and none that is no word", async () => {
    metrics.called("GetUser", 'a"b');
    for (let at = 0; at < 150; at++) metrics.called("GetUser", `Code${at}`);
    const calls = await shown("leasehold_aws_calls_total");
    expect(calls).toHaveLength(101);
    expect(calls).toContain('leasehold_aws_calls_total{action="GetUser",outcome="other"} 51');
  });

  it("show the rate of an account while there is one, and who waits", async () => {
    metrics.limited(writes, 18.5);
    metrics.waiting(writes, "disarm", 7);
    expect(await shown("leasehold_aws_rate_per_second")).toEqual([
      'leasehold_aws_rate_per_second{account="111122223333",calls="writes"} 18.5',
    ]);
    expect(await shown("leasehold_aws_waiting_calls")).toEqual([
      'leasehold_aws_waiting_calls{account="111122223333",calls="writes",class="disarm"} 7',
    ]);
    metrics.limited(writes, undefined);
    expect(await shown("leasehold_aws_rate_per_second")).toEqual([]);
  });

  it("show which circuit is open, and log when it opens and closes", async () => {
    metrics.circuit("iam.amazonaws.com", "open");
    metrics.circuit("iam.amazonaws.com", "half-open");
    expect(await shown("leasehold_aws_circuit")).toEqual([
      'leasehold_aws_circuit{endpoint="iam.amazonaws.com",state="closed"} 0',
      'leasehold_aws_circuit{endpoint="iam.amazonaws.com",state="open"} 0',
      'leasehold_aws_circuit{endpoint="iam.amazonaws.com",state="half-open"} 1',
    ]);
    metrics.circuit("iam.amazonaws.com", "closed");
    expect(lines.map(([level]) => level)).toEqual(["warn", "info"]);
  });

  it("show an account's users as long as they can be counted", async () => {
    metrics.headRoom("111122223333", { count: 4321, quota: 5000 });
    expect(await shown("leasehold_aws_users")).toEqual([
      'leasehold_aws_users{account="111122223333"} 4321',
      'leasehold_aws_users_quota{account="111122223333"} 5000',
    ]);
    metrics.headRoomUnknown("111122223333", "AccessDenied: No.");
    expect(await shown("leasehold_aws_users")).toEqual([]);
    expect(lines).toHaveLength(1);
  });
});
