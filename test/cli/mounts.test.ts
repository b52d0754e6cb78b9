import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { LeaseState } from "../../gen/leasehold/v1/leases_pb.ts";
import { MountService, MountState } from "../../gen/leasehold/v1/mounts_pb.ts";
import { FakeServer, Refusal } from "./fake-server.ts";
import { type Ran, run } from "./run.ts";

const mounted = {
  path: "aws",
  type: "aws",
  accessor: "aws_1f2e",
  description: "the lab",
  tuning: { defaultTtl: { seconds: 5400n } },
  state: MountState.MOUNTED,
  createdAt: { seconds: 1_786_000_000n },
};

let server: FakeServer;
let isEmpty = false;
let isLimited = false;

beforeAll(async () => {
  server = await new FakeServer()
    .on(MountService.method.mount, ({ type, path }) => {
      if (path === "taken")
        throw new Refusal('the path "taken" is in use', {
          code: status.ALREADY_EXISTS,
          reason: "PATH_TAKEN",
        });
      return { mount: { ...mounted, type, path: path || type } };
    })
    .on(MountService.method.unmount, ({ path }) =>
      path === "busy"
        ? {
            revoked: 5n,
            pending: 2n,
            left: [
              { id: "busy/creds/a/1", state: LeaseState.IRREVOCABLE, lastError: "AccessDenied\u001b[2J" },
            ],
          }
        : { revoked: 3n, pending: 0n },
    )
    .on(MountService.method.listMounts, () => ({
      mounts: isEmpty
        ? []
        : [
            isLimited ? { ...mounted, tuning: { maxLeases: 500n } } : mounted,
            { path: "secret", type: "kv", accessor: "kv_9", description: "", state: MountState.UNMOUNTING },
          ],
    }))
    .on(MountService.method.tuneMount, ({ path, description }) => ({
      mount: { ...mounted, path, description: description ?? "" },
    }))
    .start();
});
afterAll(() => server.stop());
beforeEach(() => {
  server.calls.length = 0;
  isEmpty = false;
  isLimited = false;
});

function leasehold(...argv: string[]): Promise<Ran> {
  return run(argv, { env: { LEASEHOLD_ADDR: server.address } });
}

describe("mount", () => {
  test("says what was mounted, and where", async () => {
    expect(await leasehold("mount", "aws")).toEqual({
      exitCode: 0,
      stdout: "Successfully mounted 'aws' at 'aws'!\n",
      stderr: "",
    });
    expect((await leasehold("mount", "kv", "--path", "secret")).stdout).toBe(
      "Successfully mounted 'kv' at 'secret'!\n",
    );
  });

  test("sends the description and the TTLs", async () => {
    await leasehold("mount", "aws", "--description=the lab", "--default-ttl", "1h30m", "--max-ttl", "90");
    expect(server.calls[0]?.request).toMatchObject({
      description: "the lab",
      tuning: { defaultTtl: { seconds: 5400n, nanos: 0 }, maxTtl: { seconds: 90n, nanos: 0 } },
    });
  });

  test("prints the mount as JSON where that is asked for", async () => {
    expect(JSON.parse((await leasehold("mount", "aws", "--format=json")).stdout)).toEqual({
      path: "aws",
      type: "aws",
      accessor: "aws_1f2e",
      description: "the lab",
      default_ttl: 5400,
      max_ttl: null,
      max_leases: null,
      state: "mounted",
      created_at: "2026-08-06T07:06:40.000Z",
    });
  });

  test("sends the lease limit", async () => {
    await leasehold("mount", "aws", "--max-leases", "500");
    expect(server.calls[0]?.request).toMatchObject({ tuning: { maxLeases: 500n } });
  });

  test.each(["-1", "many", "1.5", "10000001", ""])("refuses --max-leases %j", async (value) => {
    const ran = await leasehold("mount", "aws", `--max-leases=${value}`);
    expect(ran).toEqual({
      exitCode: 2,
      stdout: "",
      stderr: `Error: --max-leases is "${value}"; it must be a whole number from 0 to 10000000.\n`,
    });
    expect(server.calls).toEqual([]);
  });

  test("fails with the server's sentence where the path is taken", async () => {
    expect(await leasehold("mount", "aws", "--path", "taken")).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: 'Error mounting taken: the path "taken" is in use\n',
    });
  });

  test.each([
    ["--default-ttl", "soon"],
    ["--max-ttl", "1h1x"],
    ["--max-ttl=-5", undefined],
    ["--max-ttl", "100000d"],
  ])("refuses %s %s, and names the flag", async (flag, value) => {
    const ran = await leasehold("mount", "aws", flag, ...(value === undefined ? [] : [value]));
    expect(ran).toMatchObject({ exitCode: 2, stdout: "" });
    expect(ran.stderr).toMatch(
      /^Error: --(default|max)-ttl is ".*"; it must be a duration such as "90s".*\n$/,
    );
    expect(server.calls).toEqual([]);
  });

  test("refuses an empty --path", async () => {
    expect(await leasehold("mount", "aws", "--path=")).toMatchObject({
      exitCode: 2,
      stderr: "Error: --path is empty.\n",
    });
  });
});

describe("unmount", () => {
  test("says that the mount is gone, and gives the server five minutes", async () => {
    expect(await leasehold("unmount", "aws")).toEqual({
      exitCode: 0,
      stdout: "Successfully unmounted 'aws'!\n",
      stderr: "",
    });
    expect(server.calls[0]?.deadlineMs).toBeGreaterThan(250_000);
  });

  test("lists what is left and fails where leases are pending", async () => {
    const ran = await leasehold("unmount", "busy");
    expect(ran.exitCode).toBe(1);
    expect(ran.stdout).toBe(
      "Lease ID        State        TTL  Expires at  Last error\nbusy/creds/a/1  irrevocable                   AccessDenied\\u001b[2J\n",
    );
    expect(ran.stderr).toBe(
      "Error unmounting busy: 2 leases are still to be revoked, 5 gone. The server goes on; give the command again to see how far it came.\n",
    );
  });

  test("prints how far it came as JSON, and fails the same", async () => {
    const ran = await leasehold("unmount", "busy", "--format=json");
    expect(ran.exitCode).toBe(1);
    expect(JSON.parse(ran.stdout)).toMatchObject({
      path: "busy",
      revoked: 5,
      pending: 2,
      left: [{ lease_id: "busy/creds/a/1", state: "irrevocable", lease_duration: null }],
    });
    expect(JSON.parse(ran.stderr).error.code).toBe("unfinished");
  });
});

describe("mounts", () => {
  test("prints a table", async () => {
    expect((await leasehold("mounts")).stdout).toBe(
      [
        "Path    Type  Accessor  Default TTL  Max TTL  Description",
        "aws     aws   aws_1f2e  1h30m        system   the lab",
        "secret  kv    kv_9      system       system   (unmounting)",
        "",
      ].join("\n"),
    );
  });

  test("has a column of lease limits where a mount has one", async () => {
    isLimited = true;
    expect((await leasehold("mounts")).stdout).toBe(
      [
        "Path    Type  Accessor  Default TTL  Max TTL  Max leases  Description",
        "aws     aws   aws_1f2e  system       system   500         the lab",
        "secret  kv    kv_9      system       system   none        (unmounting)",
        "",
      ].join("\n"),
    );
    expect(JSON.parse((await leasehold("mounts", "--format=json")).stdout)).toMatchObject([
      { max_leases: 500 },
      { max_leases: null },
    ]);
  });

  test("says on stderr that nothing is mounted", async () => {
    isEmpty = true;
    const ran = await leasehold("mounts");
    expect(ran).toMatchObject({ exitCode: 0, stdout: "" });
    expect(ran.stderr).toContain("Nothing is mounted.");
    expect((await leasehold("mounts", "--format=json")).stdout).toBe("[]\n");
  });
});

describe("tune", () => {
  test("sends only what is given", async () => {
    expect((await leasehold("tune", "aws", "--max-ttl", "0")).stdout).toBe("Successfully tuned 'aws'!\n");
    expect(server.calls[0]?.request).toMatchObject({ path: "aws", tuning: { maxTtl: { seconds: 0n } } });
    expect(server.calls[0]?.request).not.toHaveProperty("tuning.defaultTtl.seconds");
    expect(server.calls[0]?.request).not.toHaveProperty("tuning.maxLeases");
    expect(Object.keys(server.calls[0]?.request ?? {})).not.toContain("description");
  });

  test("takes a lease limit away with 0", async () => {
    await leasehold("tune", "aws", "--max-leases", "0");
    expect(server.calls[0]?.request).toMatchObject({ tuning: { maxLeases: 0n } });
  });

  test("can empty the description", async () => {
    await leasehold("tune", "aws", "--description", "");
    expect(server.calls[0]?.request).toHaveProperty("description", "");
  });

  test("refuses to change nothing", async () => {
    const ran = await leasehold("tune", "aws");
    expect(ran).toMatchObject({ exitCode: 2, stdout: "" });
    expect(ran.stderr).toContain("nothing is to be changed");
  });
});
