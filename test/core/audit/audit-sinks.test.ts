import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { AuditSink, OpenAuditSink } from "../../../src/core/audit/audit-sink.ts";
import { type CoreHarness, createCoreHarness, type TestServer } from "../../kit/core-harness.ts";
import { settle } from "../../kit/manual-clock.ts";

let harness: CoreHarness;
let lines: string[];
let open: number;
let write: () => Promise<void>;

const sink: AuditSink = {
  async write(text) {
    await write();
    lines.push(...text.trimEnd().split("\n"));
  },
  reopen: async () => {},
  close: async () => {
    open -= 1;
  },
};
const openSink: OpenAuditSink = async () => {
  open += 1;
  return sink;
};
const never = new Promise<never>(() => {});

beforeEach(() => {
  harness = createCoreHarness();
  lines = [];
  open = 0;
  write = async () => {};
});
afterEach(() => harness.stop());

const start = (openAuditSink: OpenAuditSink = openSink) => harness.start({ openAuditSink });
const enable = (server: TestServer, name = "a") =>
  server.ask("enableAudit", { name, type: "file", options: { path: "/a" } });
const told = () => harness.telemetry.filter(([kind]) => kind === "backgroundFailed").map(([, what]) => what);
const entryPlace = "data:sys:audit/a";

/** Puts something else in the place of the stored entry of the sink, as somebody who can write the storage might. */
async function breakEntry(): Promise<void> {
  const stored = harness.storage.values().get(entryPlace);
  if (!stored) throw new Error("No sink is stored.");
  await harness.storage.put(
    "sys",
    "audit/a",
    stored.map((byte, at) => (at === stored.length - 1 ? byte ^ 1 : byte)),
  );
}

describe("a sink", () => {
  test.each([
    ["full", () => Promise.reject(new Error("ENOSPC")), "ENOSPC"],
    ["blocked", () => never, "2000 ms"],
  ])("that is %s is not enabled, so that no later call is refused for it", async (_name, trouble, words) => {
    const server = await start();
    write = trouble;
    await expect(enable(server)).rejects.toMatchObject({
      code: "INVALID_FIELD",
      message: expect.stringContaining(words),
    });
    expect((await server.ask("listAudits", {})).audits).toEqual([]);
  });

  test("is opened once, and let go of where it was only tried", async () => {
    const server = await start();
    await Promise.all([enable(server), harness.clock.advance(3000)]);
    expect(open).toBe(1);
  });

  test("is enabled by one server alone where two are asked at once", async () => {
    const servers = [await start(), await start()];
    const asked = servers.map((server, at) =>
      server.call("enableAudit", { name: "a", type: "file", options: { path: `/${at}` } }),
    );
    const outcomes = await harness.clock.advanceUntil(Promise.allSettled(asked));
    expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect(outcomes.find(({ status }) => status === "rejected")).toMatchObject({
      reason: { code: "INVALID_FIELD", message: expect.stringContaining("is in use") },
    });
    const enabled = outcomes.findIndex(({ status }) => status === "fulfilled");
    const { audits } = await harness.clock.advanceUntil(servers[enabled]?.call("listAudits", {}) ?? never);
    expect(audits).toMatchObject([{ options: { path: `/${enabled}` }, isOpen: true }]);
  });

  test("whose opening hangs on one server keeps that server from nothing but answering", async () => {
    const [server, other] = [await start(), await start(() => never)];
    await enable(server);
    await harness.clock.advance(1100);
    await harness.clock.advance(5000);
    const audits = other.ask("listAudits", {});
    await expect(audits).rejects.toMatchObject({ code: "AUDIT_UNAVAILABLE" });
    await server.ask("disableAudit", { name: "a" });
    await harness.clock.advance(5000);
    expect((await other.ask("listAudits", {})).audits).toEqual([]);
  });

  test("that cannot be opened is told of once, and opened when it can be", async () => {
    let isThere = false;
    const [server, other] = [
      await start(),
      await start(async () => {
        if (!isThere) throw new Error("EACCES");
        return openSink({ type: "file", options: {} });
      }),
    ];
    await enable(server);
    await harness.clock.advance(10_000);
    expect(told()).toHaveLength(1);
    isThere = true;
    await harness.clock.advance(1100);
    await other.ask("listMounts", {});
  });

  test("whose closing hangs keeps no server from stopping", async () => {
    const server = await start(async () => ({ ...sink, close: () => never }));
    await enable(server);
    let isStopped = false;
    void server.core.stop().then(() => {
      isStopped = true;
    });
    await harness.clock.advance(10_000);
    expect(isStopped).toBe(true);
    server.plug.pull();
  });

  test("that is disabled writes what waits for it, and refuses none of those calls", async () => {
    const server = await start();
    await enable(server);
    const gate = Promise.withResolvers<void>();
    write = () => gate.promise;
    const calls = [1, 2, 3].map(() => server.call("listMounts", {}));
    const disabled = server.call("disableAudit", { name: "a" });
    await settle();
    write = async () => {};
    gate.resolve();
    await Promise.all([...calls, disabled]);
    await settle();
    expect(lines.filter((line) => line.includes('"listMounts"')).length).toBeGreaterThanOrEqual(3);
    expect(open).toBe(0);
  });
});

describe("an entry of a sink that somebody has changed", () => {
  test("does not turn off the sink that is in use, and is told of once", async () => {
    const server = await start();
    await enable(server);
    await breakEntry();
    await harness.clock.advance(5000);
    const { length } = lines;
    await server.ask("listMounts", {});
    expect(lines).toHaveLength(length + 2);
    expect(told()).toHaveLength(1);
  });

  test("has a server refuse every call that starts with it", async () => {
    await enable(await start());
    await breakEntry();
    const second = await start();
    await expect(second.ask("listMounts", {})).rejects.toMatchObject({ code: "AUDIT_UNAVAILABLE" });
  });

  test("can be disabled where the sink is in use", async () => {
    const server = await start();
    await enable(server);
    await breakEntry();
    await server.ask("disableAudit", { name: "a" });
    expect((await server.ask("listAudits", {})).audits).toEqual([]);
  });

  test("is told of where it is gone and this server has not disabled it", async () => {
    const server = await start();
    await enable(server);
    await harness.storage.delete("sys", "audit/a");
    await harness.clock.advance(1100);
    expect(told()).toEqual(['writing to the audit sink "a"']);
    await enable(server);
    await server.ask("disableAudit", { name: "a" });
    expect(told()).toHaveLength(1);
  });
});

describe("a line", () => {
  const entries = () => lines.map((line) => JSON.parse(line));

  test("has one digest for all values where many are sent by somebody who is not known", async () => {
    const server = await start();
    await enable(server);
    const data = { list: Array.from({ length: 500 }, () => "") };
    await server.ask("write", { path: "x/y", data }, { token: "lh.guess" }).catch(() => {});
    await server.ask("write", { path: "x/y", data }).catch(() => {});
    const [stranger, known] = entries().filter(({ operation }) => operation === "write");
    expect(stranger.input).toEqual({ folded: expect.stringMatching(/^hmac-sha256:/) });
    expect(known.input.data.list).toHaveLength(500);
  });

  test("has the details of an error, cut where they are long", async () => {
    const server = await start();
    await enable(server);
    await server.ask("read", { path: "nowhere/x", data: {} }).catch(() => {});
    expect(entries().at(-1)).toMatchObject({ error: "NO_MOUNT", error_details: { path: "nowhere/x" } });
  });
});
