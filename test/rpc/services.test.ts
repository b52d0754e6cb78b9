import { durationFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LeaseState } from "../../gen/leasehold/v1/leases_pb.ts";
import { MountState } from "../../gen/leasehold/v1/mounts_pb.ts";
import type { JsonObject } from "../../src/core/json.ts";
import { lease, mount } from "./fake-handle.ts";
import {
  type Clients,
  clientsOf,
  failureOf,
  protocols,
  type RunningServers,
  runServers,
} from "./running-servers.ts";

let running: RunningServers;
beforeAll(async () => {
  running = await runServers();
});
afterAll(() => running.servers.close());

const lastAsked = () => running.fake.asked.at(-1);

const headers = { authorization: "Bearer lh.token" };

describe.each(protocols)("over %s", (protocol) => {
  let clients: Clients;
  beforeAll(() => {
    clients = clientsOf(running, protocol);
  });

  test("Read hands fields, token, peer and deadline on, and answers data, lease and warnings", async () => {
    const data: JsonObject = { access_key: "AKIA", n: 1.5, no: null, list: ["a", { b: true }] };
    running.fake.answers.read = () => ({ data, lease, warnings: ["TTL cut to 1h"] });
    const startedMs = Date.now();
    const reply = await clients.secrets.read(
      { path: "aws/creds/deploy", parameters: { ttl: "1h" } },
      { headers, timeoutMs: 5000 },
    );
    const asked = lastAsked();
    expect(asked).toMatchObject({
      operation: "read",
      input: { path: "aws/creds/deploy", data: { ttl: "1h" } },
      context: { token: "lh.token", peer: expect.stringMatching(/^127\.0\.0\.1:\d+$/) },
    });
    expect(Math.abs((asked?.context.deadlineMs ?? 0) - startedMs - 5000)).toBeLessThan(1000);
    expect(reply.data).toEqual(data);
    expect(reply.warnings).toEqual(["TTL cut to 1h"]);
    expect(reply.lease).toMatchObject({
      id: lease.id,
      path: lease.path,
      renewable: true,
      state: LeaseState.ACTIVE,
      attempts: 2,
      lastError: "throttled",
    });
    expect(reply.lease?.ttl).toMatchObject({ seconds: 1n, nanos: 500_000_000 });
    expect(reply.lease?.issuedAt && timestampMs(reply.lease.issuedAt)).toBe(lease.issuedAtMs);
    expect(reply.lease?.expiresAt && timestampMs(reply.lease.expiresAt)).toBe(lease.expiresAtMs);
    expect(reply.lease?.maxExpiresAt && timestampMs(reply.lease.maxExpiresAt)).toBe(lease.maxExpiresAtMs);
    expect(reply.lease?.disarmedAt).toBeUndefined();
  });

  test("Read without fields, token and lease leaves all three out", async () => {
    running.fake.answers.read = () => ({ data: { value: "world" }, lease: undefined, warnings: [] });
    const reply = await clients.secrets.read({ path: "secret/hello" });
    expect(lastAsked()).toMatchObject({
      input: { path: "secret/hello", data: {} },
      context: { token: undefined },
    });
    expect(reply.lease).toBeUndefined();
    expect(reply.data).toEqual({ value: "world" });
  });

  test("Read hands an idempotency key on where there is one, and refuses a long one", async () => {
    running.fake.answers.read = () => ({ data: {}, lease: undefined, warnings: [] });
    await clients.secrets.read({ path: "aws/creds/x", idempotencyKey: "deploy 42" });
    expect(lastAsked()?.input).toEqual({ path: "aws/creds/x", data: {}, idempotencyKey: "deploy 42" });
    await clients.secrets.read({ path: "aws/creds/x" });
    expect(lastAsked()?.input).toEqual({ path: "aws/creds/x", data: {} });
    const tooLong = clients.secrets.read({ path: "aws/creds/x", idempotencyKey: "x".repeat(257) });
    expect((await failureOf(tooLong)).details).toMatchObject([{ metadata: { field: "idempotency_key" } }]);
  });

  test("Write hands all kinds of values on", async () => {
    running.fake.answers.write = () => ({ data: undefined, lease: undefined, warnings: ["old name"] });
    const data = { s: "x", n: 1e300, b: false, o: { l: [null] } };
    const reply = await clients.secrets.write({ path: "secret/hello", data });
    expect(lastAsked()?.input).toEqual({ path: "secret/hello", data });
    expect(reply).toMatchObject({ warnings: ["old name"] });
    expect(reply.data).toBeUndefined();
  });

  test("Write refuses the key __proto__", async () => {
    const data = JSON.parse('{"a":{"__proto__":{"x":1}}}');
    const { error, details } = await failureOf(clients.secrets.write({ path: "secret/hello", data }));
    expect(error.rawMessage).toContain("__proto__");
    expect(details).toMatchObject([{ metadata: { field: "data.a" } }]);
  });

  test("List, Delete and Help pass through", async () => {
    running.fake.answers.list = ({ path }) => ({ keys: [`${path}x`, "y/"] });
    running.fake.answers.delete = () => ({ warnings: ["gone"] });
    running.fake.answers.help = () => ({
      path: "aws/roles/:name",
      summary: "A role.",
      description: "Long.",
      operations: [{ name: "read", summary: "Reads." }],
      fields: [
        {
          name: "ttl",
          type: "duration",
          description: "How long.",
          defaultText: "1h",
          isRequired: true,
          isInPath: false,
          operations: ["read", "write"],
        },
      ],
      paths: [{ pattern: "aws/creds/:name", summary: "Keys." }],
    });
    expect((await clients.secrets.list({ path: "aws/" })).keys).toEqual(["aws/x", "y/"]);
    expect((await clients.secrets.delete({ path: "a" })).warnings).toEqual(["gone"]);
    expect(await clients.secrets.help({ path: "aws" })).toMatchObject({
      path: "aws/roles/:name",
      summary: "A role.",
      description: "Long.",
      operations: [{ name: "read", summary: "Reads." }],
      fields: [
        {
          name: "ttl",
          type: "duration",
          defaultValue: "1h",
          required: true,
          inPath: false,
          operations: ["read", "write"],
        },
      ],
      paths: [{ pattern: "aws/creds/:name", summary: "Keys." }],
    });
  });

  test("Mount, TuneMount, ListMounts and Unmount turn durations into milliseconds and back", async () => {
    running.fake.answers.mount = () => mount;
    running.fake.answers.tuneMount = () => ({ ...mount, state: "unmounting" });
    running.fake.answers.listMounts = () => [mount];
    running.fake.answers.unmount = () => ({ revoked: 2, pending: 1, left: [lease] });
    const { mount: made } = await clients.mounts.mount({
      type: "aws",
      tuning: { defaultTtl: durationFromMs(90_500) },
    });
    expect(lastAsked()?.input).toEqual({
      type: "aws",
      path: "",
      description: "",
      tuning: { defaultTtlMs: 90_500 },
    });
    expect(made).toMatchObject({
      path: "aws",
      type: "aws",
      accessor: "aws_1",
      description: "production",
      tuning: { defaultTtl: { seconds: 90n, nanos: 500_000_000 } },
      state: MountState.MOUNTED,
    });
    expect(made?.tuning?.maxTtl).toBeUndefined();
    expect(made?.createdAt && timestampMs(made.createdAt)).toBe(mount.createdAtMs);
    const tuned = await clients.mounts.tuneMount({ path: "aws", tuning: { maxTtl: durationFromMs(0) } });
    expect(lastAsked()?.input).toEqual({ path: "aws", description: undefined, tuning: { maxTtlMs: 0 } });
    expect(tuned.mount?.state).toBe(MountState.UNMOUNTING);
    await clients.mounts.tuneMount({ path: "aws", description: "" });
    expect(lastAsked()?.input).toEqual({ path: "aws", description: "", tuning: {} });
    expect((await clients.mounts.listMounts({})).mounts).toHaveLength(1);
    const gone = await clients.mounts.unmount({ path: "aws" });
    expect(gone).toMatchObject({ revoked: 2n, pending: 1n, left: [{ id: lease.id }] });
  });

  test("Mount, TuneMount and ListMounts carry the lease limit, 0 included", async () => {
    const limited = { ...mount, tuning: { maxLeases: 500 } };
    running.fake.answers.mount = () => limited;
    running.fake.answers.tuneMount = () => mount;
    running.fake.answers.listMounts = () => [limited, mount];
    const { mount: made } = await clients.mounts.mount({ type: "aws", tuning: { maxLeases: 500n } });
    expect(lastAsked()?.input).toMatchObject({ tuning: { maxLeases: 500 } });
    expect(made?.tuning).toMatchObject({ maxLeases: 500n });
    const { mount: tuned } = await clients.mounts.tuneMount({ path: "aws", tuning: { maxLeases: 0n } });
    expect(lastAsked()?.input).toMatchObject({ tuning: { maxLeases: 0 } });
    expect(tuned?.tuning?.maxLeases).toBeUndefined();
    const { mounts } = await clients.mounts.listMounts({});
    expect(mounts.map(({ tuning }) => tuning?.maxLeases)).toEqual([500n, undefined]);
  });

  test("Retry and Forget pass through", async () => {
    running.fake.answers.retryLease = () => ({ warnings: ["at last"] });
    running.fake.answers.forgetLease = () => ({ leftBehind: ['IAM user "x".'] });
    expect((await clients.leases.retry({ leaseId: "x" })).warnings).toEqual(["at last"]);
    expect(lastAsked()).toMatchObject({ operation: "retryLease", input: { leaseId: "x" } });
    expect((await clients.leases.forget({ leaseId: "x" })).leftBehind).toEqual(['IAM user "x".']);
    expect(lastAsked()).toMatchObject({ operation: "forgetLease", input: { leaseId: "x", isForced: false } });
    await clients.leases.forget({ leaseId: "x", force: true });
    expect(lastAsked()?.input).toEqual({ leaseId: "x", isForced: true });
  });

  test("Lookup tells when a lease was disarmed", async () => {
    running.fake.answers.lookupLease = () => ({
      ...lease,
      state: "revoking",
      disarmedAtMs: lease.issuedAtMs,
    });
    const { lease: found } = await clients.leases.lookup({ leaseId: lease.id });
    expect(lastAsked()?.input).toEqual({ leaseId: lease.id });
    expect(found?.state).toBe(LeaseState.REVOKING);
    expect(found?.disarmedAt && timestampMs(found.disarmedAt)).toBe(lease.issuedAtMs);
  });

  test("List pages by 100 where no size is given, and filters by state", async () => {
    running.fake.answers.listLeases = () => ({ leases: [lease], nextPageToken: "next" });
    const page = await clients.leases.list({
      prefix: "aws/",
      states: [LeaseState.IRREVOCABLE, LeaseState.ISSUING],
    });
    expect(lastAsked()?.input).toEqual({
      prefix: "aws/",
      pageSize: 100,
      pageToken: "",
      states: ["irrevocable", "issuing"],
    });
    expect(page).toMatchObject({ leases: [{ id: lease.id }], nextPageToken: "next" });
    await clients.leases.list({ pageSize: 7, pageToken: "next" });
    expect(lastAsked()?.input).toEqual({ prefix: "", pageSize: 7, pageToken: "next", states: [] });
  });

  test("Renew tells no increment from one, and never makes one zero", async () => {
    running.fake.answers.renewLease = () => ({ lease, warnings: ["cut"] });
    expect(await clients.leases.renew({ leaseId: "x" })).toMatchObject({
      lease: { id: lease.id },
      warnings: ["cut"],
    });
    expect(lastAsked()?.input).toEqual({ leaseId: "x", incrementMs: undefined });
    await clients.leases.renew({ leaseId: "x", increment: durationFromMs(3_600_000) });
    expect(lastAsked()?.input).toEqual({ leaseId: "x", incrementMs: 3_600_000 });
    await clients.leases.renew({ leaseId: "x", increment: { seconds: 0n, nanos: 1 } });
    expect(lastAsked()?.input).toEqual({ leaseId: "x", incrementMs: 1 });
  });

  test("Revoke, RevokePrefix and Count pass through", async () => {
    running.fake.answers.revokeLease = () => ({ warnings: ["again"] });
    running.fake.answers.revokePrefix = () => ({ revoked: 3, pending: 4 });
    running.fake.answers.countLeases = () => ({ byState: { active: 5, irrevocable: 1 }, total: 6 });
    expect((await clients.leases.revoke({ leaseId: "x" })).warnings).toEqual(["again"]);
    expect(await clients.leases.revokePrefix({ prefix: "aws" })).toMatchObject({ revoked: 3n, pending: 4n });
    expect(await clients.leases.count({ prefix: "aws" })).toMatchObject({
      counts: [
        { state: LeaseState.ACTIVE, count: 5n },
        { state: LeaseState.IRREVOCABLE, count: 1n },
      ],
      total: 6n,
    });
  });

  test.each([
    ["a page size below zero", (c: Clients) => c.leases.list({ pageSize: -1 }), "page_size"],
    ["a page size above 1000", (c: Clients) => c.leases.list({ pageSize: 1001 }), "page_size"],
    [
      "a state that is unspecified",
      (c: Clients) => c.leases.list({ states: [LeaseState.UNSPECIFIED] }),
      "states",
    ],
    ["a mount without a type", (c: Clients) => c.mounts.mount({}), "type"],
    [
      "a negative TTL",
      (c: Clients) => c.mounts.mount({ type: "kv", tuning: { maxTtl: durationFromMs(-1) } }),
      "tuning.max_ttl",
    ],
    [
      "a lease limit below zero",
      (c: Clients) => c.mounts.mount({ type: "kv", tuning: { maxLeases: -1n } }),
      "tuning.max_leases",
    ],
    [
      "an increment of zero",
      (c: Clients) => c.leases.renew({ leaseId: "x", increment: durationFromMs(0) }),
      "increment",
    ],
    ["a prefix of nothing", (c: Clients) => c.leases.revokePrefix({}), "prefix"],
  ])("%s is refused with the field's name", async (_name, call, field) => {
    const before = running.fake.asked.length;
    const { details } = await failureOf(call(clients));
    expect(details).toMatchObject([{ metadata: { field } }]);
    expect(running.fake.asked).toHaveLength(before);
  });
});
