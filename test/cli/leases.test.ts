import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { LeaseService, LeaseState } from "../../gen/leasehold/v1/leases_pb.ts";
import { FakeServer, Refusal } from "./fake-server.ts";
import { type Ran, run } from "./run.ts";

const lease = {
  id: "aws/creds/deploy/1",
  ttl: { seconds: 3598n },
  renewable: true,
  issuedAt: { seconds: 1_786_000_000n },
  expiresAt: { seconds: 1_786_003_600n },
  maxExpiresAt: { seconds: 1_786_086_400n },
  state: LeaseState.ACTIVE,
  path: "aws/creds/deploy",
};
/** Seven leases in pages of three, one page of them empty. */
const pages = [[1, 2, 3], [], [4, 5, 6], [7]];

let server: FakeServer;

beforeAll(async () => {
  server = await new FakeServer()
    .on(LeaseService.method.renew, ({ leaseId, increment }) => {
      if (leaseId === "ended")
        throw new Refusal('the lease "ended" has expired', {
          code: status.FAILED_PRECONDITION,
          reason: "LEASE_ENDED",
        });
      return { lease: { ...lease, id: leaseId }, warnings: increment ? ["cut to the max TTL"] : [] };
    })
    .on(LeaseService.method.revoke, ({ leaseId }) => {
      if (leaseId === "slow")
        throw new Refusal("the revocation goes on", { code: status.ABORTED, reason: "REVOCATION_PENDING" });
      return { warnings: leaseId === "session" ? ["the session goes on until noon"] : [] };
    })
    .on(LeaseService.method.revokePrefix, ({ prefix }) => ({
      revoked: 12n,
      pending: prefix === "busy" ? 1n : 0n,
    }))
    .on(LeaseService.method.lookup, ({ leaseId }) => {
      if (leaseId === "none")
        throw new Refusal('there is no lease "none"', { code: status.NOT_FOUND, reason: "NO_SUCH_LEASE" });
      if (leaseId === "stuck") {
        return {
          lease: {
            ...lease,
            state: LeaseState.IRREVOCABLE,
            attempts: 6,
            lastError: "AccessDenied",
            disarmedAt: { seconds: 1n },
          },
        };
      }
      return { lease };
    })
    .on(LeaseService.method.list, ({ prefix, pageToken }) => {
      if (prefix === "none/") return {};
      if (prefix === "loop/") return { leases: [lease], nextPageToken: "same" };
      const page = Number(pageToken || "0");
      return {
        leases: (pages[page] ?? []).map((n) => ({ ...lease, id: `aws/creds/deploy/${n}` })),
        nextPageToken: page + 1 < pages.length ? String(page + 1) : "",
      };
    })
    .on(LeaseService.method.count, ({ prefix }) => ({
      counts:
        prefix === ""
          ? [
              { state: LeaseState.ACTIVE, count: 1200n },
              { state: LeaseState.REVOKING, count: 34n },
            ]
          : [],
      total: prefix === "" ? 1234n : 0n,
    }))
    .start();
});
afterAll(() => server.stop());
beforeEach(() => {
  server.calls.length = 0;
});

function leasehold(...argv: string[]): Promise<Ran> {
  return run(argv, { env: { LEASEHOLD_ADDR: server.address } });
}

describe("renew", () => {
  test("prints the lease as it is now, and warnings on stderr", async () => {
    expect(await leasehold("renew", "aws/creds/deploy/1", "--increment", "1h")).toEqual({
      exitCode: 0,
      stdout:
        "Key         Value\nlease_id    aws/creds/deploy/1\nlease_ttl   59m58s\nrenewable   true\nexpires_at  2026-08-06T08:06:40Z\n",
      stderr: "Warning: cut to the max TTL\n",
    });
    expect(server.calls[0]?.request).toMatchObject({
      leaseId: "aws/creds/deploy/1",
      increment: { seconds: 3600n },
    });
  });

  test("sends no increment where none is given", async () => {
    const { stdout } = await leasehold("renew", "aws/creds/deploy/1", "--format=json");
    expect(server.calls[0]?.request).not.toHaveProperty("increment.seconds");
    expect(JSON.parse(stdout)).toMatchObject({
      lease_id: "aws/creds/deploy/1",
      lease_duration: 3598,
      state: "active",
      warnings: [],
    });
  });

  test.each([["0"], ["0s"], ["never"], [""]])(
    "refuses the increment %j, and names the flag",
    async (increment) => {
      const ran = await leasehold("renew", "aws/creds/deploy/1", `--increment=${increment}`);
      expect(ran).toMatchObject({ exitCode: 2, stdout: "" });
      expect(ran.stderr).toContain(`Error: --increment is "${increment}"; it must be`);
      expect(server.calls).toEqual([]);
    },
  );

  test("fails for a lease that has ended", async () => {
    expect(await leasehold("renew", "ended")).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: 'Error renewing ended: the lease "ended" has expired\n',
    });
  });
});

describe("revoke", () => {
  test("says which lease is gone", async () => {
    expect(await leasehold("revoke", "aws/creds/deploy/1")).toEqual({
      exitCode: 0,
      stdout: "Key revoked with ID 'aws/creds/deploy/1'.\n",
      stderr: "",
    });
  });

  test("says on stderr what goes on without the lease", async () => {
    expect(await leasehold("revoke", "session")).toEqual({
      exitCode: 0,
      stdout: "Key revoked with ID 'session'.\n",
      stderr: "Warning: the session goes on until noon\n",
    });
  });

  test("fails where the revocation is still going on", async () => {
    expect(await leasehold("revoke", "slow")).toMatchObject({
      exitCode: 1,
      stderr: "Error revoking slow: the revocation goes on\n",
    });
  });

  test("ends all leases under a prefix, with a longer deadline", async () => {
    expect((await leasehold("revoke", "--prefix", "aws/creds")).stdout).toBe(
      "Revoked 12 leases under 'aws/creds'.\n",
    );
    expect(server.calls[0]).toMatchObject({
      rpc: "leasehold.v1.LeaseService/RevokePrefix",
      request: { prefix: "aws/creds" },
    });
    expect(server.calls[0]?.deadlineMs).toBeGreaterThan(250_000);
  });

  test("fails where leases under the prefix are left", async () => {
    const ran = await leasehold("revoke", "busy", "--prefix");
    expect(ran).toMatchObject({ exitCode: 1, stdout: "" });
    expect(ran.stderr).toMatch(/^Error revoking busy: 1 lease is still to be revoked, 12 gone\..*\n$/);
    expect(JSON.parse((await leasehold("revoke", "busy", "--prefix", "--format=json")).stdout)).toEqual({
      prefix: "busy",
      revoked: 12,
      pending: 1,
    });
  });
});

describe("lease lookup", () => {
  test("prints all that is known of a lease", async () => {
    expect((await leasehold("lease", "lookup", "aws/creds/deploy/1")).stdout.split("\n")).toEqual([
      "Key             Value",
      "lease_id        aws/creds/deploy/1",
      "path            aws/creds/deploy",
      "state           active",
      "lease_ttl       59m58s",
      "renewable       true",
      "issued_at       2026-08-06T07:06:40Z",
      "expires_at      2026-08-06T08:06:40Z",
      "max_expires_at  2026-08-07T07:06:40Z",
      "",
    ]);
  });

  test("prints what keeps a lease from ending", async () => {
    const { stdout } = await leasehold("lease", "lookup", "stuck");
    expect(stdout).toMatch(/^disarmed_at +1970-01-01T00:00:01Z\nattempts +6\nlast_error +AccessDenied\n/m);
  });

  test("fails for a lease that does not exist", async () => {
    expect(await leasehold("lease", "lookup", "none")).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: 'Error looking up none: there is no lease "none"\n',
    });
  });
});

describe("lease list", () => {
  test("follows the pages to the end, over an empty one", async () => {
    const lines = (await leasehold("lease", "list", "aws/")).stdout.trimEnd().split("\n");
    expect(lines.slice(0, 2)).toEqual([
      "Lease ID            State   TTL     Expires at",
      "aws/creds/deploy/1  active  59m58s  2026-08-06T08:06:40Z",
    ]);
    expect(lines).toHaveLength(8);
    expect(server.calls.map(({ request }) => request)).toMatchObject([
      { prefix: "aws/", pageToken: "", pageSize: 1000, states: [] },
      { pageToken: "1" },
      { pageToken: "2" },
      { pageToken: "3" },
    ]);
  });

  test("stops at the limit", async () => {
    const { stdout } = await leasehold("lease", "list", "--limit", "5", "--format=json");
    expect(JSON.parse(stdout).map((each: { lease_id: string }) => each.lease_id.at(-1))).toEqual([
      "1",
      "2",
      "3",
      "4",
      "5",
    ]);
    expect(server.calls.map(({ request }) => (request as { pageSize: number }).pageSize)).toEqual([5, 2, 2]);
  });

  test("passes the states on", async () => {
    await leasehold("lease", "list", "--state", "active", "--state=REVOKING");
    expect(server.calls[0]?.request).toMatchObject({ states: [LeaseState.ACTIVE, LeaseState.REVOKING] });
  });

  test("says on stderr that there are none", async () => {
    expect(await leasehold("lease", "list", "none/")).toEqual({
      exitCode: 0,
      stdout: "",
      stderr: "No leases under none/\n",
    });
    expect(await leasehold("lease", "list", "none/", "--format=json")).toEqual({
      exitCode: 0,
      stdout: "[]\n",
      stderr: "",
    });
  });

  test("stops where the server sends the same page again and again", async () => {
    const ran = await leasehold("lease", "list", "loop/");
    expect(ran).toMatchObject({
      exitCode: 1,
      stderr: "Error listing leases: the server sends the same page again\n",
    });
    expect(server.calls).toHaveLength(2);
  });

  test.each([
    [
      "--state",
      "dead",
      'Error: --state is "dead"; it must be one of "issuing", "active", "revoking", "irrevocable".\n',
    ],
    [
      "--state",
      "unspecified",
      'Error: --state is "unspecified"; it must be one of "issuing", "active", "revoking", "irrevocable".\n',
    ],
    ["--limit", "0", 'Error: --limit is "0"; it must be a whole number from 1 to 999999999.\n'],
    ["--limit", "1e3", 'Error: --limit is "1e3"; it must be a whole number from 1 to 999999999.\n'],
  ])("refuses %s %s", async (flag, value, stderr) => {
    expect(await leasehold("lease", "list", flag, value)).toEqual({ exitCode: 2, stdout: "", stderr });
  });
});

describe("lease count", () => {
  test("counts by state", async () => {
    expect((await leasehold("lease", "count")).stdout).toBe(
      "State     Leases\nactive    1200\nrevoking  34\ntotal     1234\n",
    );
    expect(JSON.parse((await leasehold("lease", "count", "--format=json")).stdout)).toEqual({
      prefix: "",
      total: 1234,
      counts: { active: 1200, revoking: 34 },
    });
    expect((await leasehold("lease", "count", "kv/")).stdout).toBe("State  Leases\ntotal  0\n");
  });
});
