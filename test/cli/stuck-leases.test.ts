import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { LeaseService } from "../../gen/leasehold/v1/leases_pb.ts";
import { FakeServer, Refusal } from "./fake-server.ts";
import { type Ran, run } from "./run.ts";

const left = 'IAM user "lh-deploy-1" in account 1234 and its access key, which works';

let server: FakeServer;

beforeAll(async () => {
  server = await new FakeServer()
    .on(LeaseService.method.retry, ({ leaseId }) => {
      if (leaseId === "active")
        throw new Refusal('the lease "active" is active; revoke it', {
          code: status.FAILED_PRECONDITION,
          reason: "LEASE_ACTIVE",
        });
      return { warnings: ["it took six attempts"] };
    })
    .on(LeaseService.method.forget, ({ force }) => {
      if (!force)
        throw new Refusal(`forgetting would leave behind ${left}`, {
          code: status.FAILED_PRECONDITION,
          reason: "NEEDS_FORCE",
        });
      return { leftBehind: [`${left}.`, "its\u001b[2J policy."] };
    })
    .start();
});
afterAll(() => server.stop());
beforeEach(() => {
  server.calls.length = 0;
});

function leasehold(...argv: string[]): Promise<Ran> {
  return run(["lease", ...argv], { env: { LEASEHOLD_ADDR: server.address } });
}

describe("lease retry", () => {
  test("says that the lease is gone, and gives the server time", async () => {
    expect(await leasehold("retry", "aws/creds/deploy/1")).toEqual({
      exitCode: 0,
      stdout: "Key revoked with ID 'aws/creds/deploy/1'.\n",
      stderr: "Warning: it took six attempts\n",
    });
    expect(server.calls[0]).toMatchObject({ request: { leaseId: "aws/creds/deploy/1" } });
    expect(server.calls[0]?.deadlineMs).toBeGreaterThan(250_000);
    expect(JSON.parse((await leasehold("retry", "x", "--format=json")).stdout)).toEqual({
      lease_id: "x",
      warnings: ["it took six attempts"],
    });
  });

  test("fails for a lease that is not being revoked", async () => {
    expect(await leasehold("retry", "active")).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: 'Error retrying active: the lease "active" is active; revoke it\n',
    });
  });
});

describe("lease forget", () => {
  test("without --force prints what would be left behind and what to type, and exits 1", async () => {
    expect(await leasehold("forget", "x")).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: `Error forgetting x: forgetting would leave behind ${left}\nNothing was changed. Give --force to do it nevertheless.\n`,
    });
    expect(server.calls).toMatchObject([{ request: { leaseId: "x", force: false } }]);
    expect(JSON.parse((await leasehold("forget", "x", "--format=json")).stderr).error).toMatchObject({
      code: "failed_precondition",
      reason: "NEEDS_FORCE",
    });
  });

  test("with --force prints what is left behind", async () => {
    expect(await leasehold("forget", "x", "--force")).toEqual({
      exitCode: 0,
      stdout: `Forgot the lease with ID 'x'. It is never tried again.\nLeft behind:\n  ${left}.\n  its\\u001b[2J policy.\n`,
      stderr: "",
    });
    expect(server.calls).toMatchObject([{ request: { leaseId: "x", force: true } }]);
    expect(JSON.parse((await leasehold("forget", "x", "--force", "--format=json")).stdout)).toEqual({
      lease_id: "x",
      left_behind: [`${left}.`, "its\u001b[2J policy."],
    });
  });
});
