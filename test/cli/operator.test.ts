import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { OperatorService } from "../../gen/leasehold/v1/operator_pb.ts";
import { FakeServer } from "./fake-server.ts";
import { type Ran, run } from "./run.ts";

let server: FakeServer;
let isObserving = true;
let due = 12n;

beforeAll(async () => {
  server = await new FakeServer()
    .on(OperatorService.method.status, () =>
      isObserving
        ? {
            observeOnly: true,
            reasons: ["LEASEHOLD_OBSERVE_ONLY is set.", "Redis\nis older."],
            observingSince: { seconds: 1_786_000_000n },
            wouldRevoke: 2n,
            wouldRevokeIds: ["aws/creds/deploy/1", "aws/creds/deploy/2\u001b[2J"],
          }
        : {},
    )
    .on(OperatorService.method.resume, () => ({ due }))
    .start();
});
afterAll(() => server.stop());

function leasehold(...argv: string[]): Promise<Ran> {
  return run(["operator", ...argv], { env: { LEASEHOLD_ADDR: server.address } });
}

describe("operator status", () => {
  test("tells that the server only observes, why, and what it would have revoked", async () => {
    isObserving = true;
    expect(await leasehold("status")).toEqual({
      exitCode: 0,
      stdout: [
        "Key              Value",
        "mode             observe-only",
        "observing_since  2026-08-06T07:06:40Z",
        "would_revoke     2",
        "reason           LEASEHOLD_OBSERVE_ONLY is set.",
        "reason           Redis\\nis older.",
        "",
        "Would be revoked",
        "  aws/creds/deploy/1",
        "  aws/creds/deploy/2\\u001b[2J",
        "",
      ].join("\n"),
      stderr: 'Nothing that is due is revoked until you run "leasehold operator resume".\n',
    });
    expect(JSON.parse((await leasehold("status", "--format=json")).stdout)).toEqual({
      observe_only: true,
      reasons: ["LEASEHOLD_OBSERVE_ONLY is set.", "Redis\nis older."],
      observing_since: "2026-08-06T07:06:40.000Z",
      would_revoke: 2,
      would_revoke_ids: ["aws/creds/deploy/1", "aws/creds/deploy/2\u001b[2J"],
    });
  });

  test("tells that the server revokes, where it does", async () => {
    isObserving = false;
    expect(await leasehold("status")).toEqual({
      exitCode: 0,
      stdout: "Key   Value\nmode  revoking\n",
      stderr: "",
    });
    expect(JSON.parse((await leasehold("status", "--format=json")).stdout)).toEqual({
      observe_only: false,
      reasons: [],
      observing_since: null,
      would_revoke: 0,
      would_revoke_ids: [],
    });
  });
});

describe("operator resume", () => {
  test("tells how many leases are revoked now", async () => {
    expect((await leasehold("resume")).stdout).toBe(
      "Revocation goes on: 12 leases are due and are revoked now.\n",
    );
    due = 1n;
    expect((await leasehold("resume")).stdout).toBe(
      "Revocation goes on: 1 lease is due and is revoked now.\n",
    );
    expect(JSON.parse((await leasehold("resume", "--format=json")).stdout)).toEqual({ due: 1 });
  });
});
