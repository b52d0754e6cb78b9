import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { defaultRateLimits } from "../../../src/core/access/rate-limits.ts";
import type { AuditSink, OpenAuditSink } from "../../../src/core/audit/audit-sink.ts";
import { invalidField } from "../../../src/core/field.ts";
import { type CoreHarness, createCoreHarness, rootToken, type TestServer } from "../../kit/core-harness.ts";
import { createToken, writePolicy } from "../tokens/token-scene.ts";

const path = "scripted/creds/deploy";

/** A sink in memory: what goes wrong with it, and what it has. */
interface FakeSink {
  trouble: "none" | "full" | "blocked" | "gone";
  readonly lines: string[];
  opened: number;
  writes: number;
  /** Lets every write go that was blocked. */
  release(): void;
}

const sinks = new Map<string, FakeSink>();
const sinkAt = (where: string): FakeSink => {
  let blocked: (() => void)[] = [];
  const made: FakeSink = {
    ...{ trouble: "none", lines: [], opened: 0, writes: 0 },
    release: () => {
      for (const go of blocked) go();
      blocked = [];
    },
  };
  const sink = sinks.get(where) ?? Object.assign(made, { hold: (go: () => void) => void blocked.push(go) });
  sinks.set(where, sink);
  return sink;
};

const openSink: OpenAuditSink = async ({ options }) => {
  const fake = sinkAt(options.path ?? "") as FakeSink & { hold?: (go: () => void) => void };
  if (fake.trouble === "gone") throw invalidField("path", "is not there.");
  fake.opened += 1;
  const sink: AuditSink = {
    async write(lines) {
      fake.writes += 1;
      if (fake.trouble === "full") throw new Error("ENOSPC");
      if (fake.trouble === "blocked") await new Promise<void>((resolve) => fake.hold?.(resolve));
      fake.lines.push(...lines.trimEnd().split("\n"));
    },
    reopen: async () => {
      fake.opened += 1;
    },
    close: async () => {},
  };
  return sink;
};

let harness: CoreHarness;
let server: TestServer;

beforeEach(async () => {
  sinks.clear();
  harness = createCoreHarness();
  server = await harness.start({ openAuditSink: openSink });
  await server.mount();
});
afterEach(() => harness.stop());

const enable = (name: string, by: TestServer = server) =>
  by.ask("enableAudit", { name, type: "file", options: { path: `/${name}` } });
const entries = (name: string) => sinkAt(`/${name}`).lines.map((line) => JSON.parse(line));
const unavailable = { code: "AUDIT_UNAVAILABLE" };

describe("the audit", () => {
  test("writes a call down before it is carried out, and its answer before it leaves", async () => {
    await enable("a");
    const { lease } = await server.issue();
    const [first, answer, request, response] = entries("a");
    expect(first).toMatchObject({ type: "notice", notice: "enabled", sink: "a" });
    expect(answer).toMatchObject({ type: "response", operation: "enableAudit" });
    expect(request).toMatchObject({
      type: "request",
      operation: "read",
      caller: { id: "root", policies: ["root"] },
      peer: "127.0.0.1:1",
      request_id: "request-1",
      input: { path },
    });
    expect(request).not.toHaveProperty("output");
    expect(response).toMatchObject({ type: "response", output: { lease: { id: lease.id } } });
  });

  test("shows no secret, and digests by which one can be found", async () => {
    await enable("a");
    const { secret } = await server.issue();
    const made = await createToken(server, { metadata: { note: "canary" } });
    await server.ask("listMounts", {}, { token: made.token });
    await server.ask("listMounts", {}, { token: "lh.canary-of-a-guess" }).catch(() => {});
    const text = sinkAt("/a").lines.join("\n");
    for (const hidden of [...Object.values(secret), made.token, rootToken, "lh.canary-of-a-guess"])
      expect(text).not.toContain(String(hidden));
    const key = String(Object.values(secret)[0]);
    const { hash } = await server.ask("hashAudit", { name: "a", value: key });
    expect(text).toContain(hash);
    expect((await server.ask("hashAudit", { name: "a", value: "other" })).hash).not.toBe(hash);
  });

  test("shows no token that was given for something else", async () => {
    await enable("a");
    const { token } = await createToken(server);
    await server.ask("lookupToken", { accessor: token }).catch(() => {});
    await server.ask("read", { path: `kv/${token}/x`, data: {} }).catch(() => {});
    const { hash } = await server.ask("hashAudit", { name: "a", value: token });
    expect(sinkAt("/a").lines.join("\n")).not.toContain(token);
    expect(entries("a").map(({ input }) => input?.accessor ?? input?.path)).toEqual(
      expect.arrayContaining([hash, `kv/${hash}/x`]),
    );
  });

  test("has a salt for each sink", async () => {
    await enable("a");
    await enable("b");
    const hashes = await Promise.all(["a", "b"].map((name) => server.ask("hashAudit", { name, value: "x" })));
    expect(hashes[0]).not.toEqual(hashes[1]);
  });

  test("writes down what is refused: an unknown token, a denial, an error", async () => {
    await enable("a");
    await writePolicy(server, "nothing", {});
    const { token } = await createToken(server, { policies: ["nothing"] });
    await server.ask("listMounts", {}, { token: "lh.guess" }).catch(() => {});
    await server.ask("listMounts", {}, { token }).catch(() => {});
    await server.ask("read", { path: "nowhere/x", data: {} }).catch(() => {});
    const errors = entries("a").filter(({ type, error }) => type === "response" && error !== undefined);
    expect(errors.map(({ error, caller }) => [error, caller?.policies?.[0]])).toEqual([
      ["UNAUTHENTICATED", undefined],
      ["PERMISSION_DENIED", "default"],
      ["NO_MOUNT", "root"],
    ]);
  });

  test("writes down of strangers at one address as much as they may try, so that they cannot fill the disk", async () => {
    await enable("a");
    const tries = 3 * defaultRateLimits.failuresPerMinute;
    for (let n = 0; n < tries; n++) {
      await server.ask("listMounts", {}, { token: "lh.guess", peer: `10.0.0.1:${n}` }).catch(() => {});
      await server
        .ask("login", { path: "auth/no/login", data: {} }, { peer: `10.0.0.2:${n}` })
        .catch(() => {});
    }
    const lines = (peer: string) => entries("a").filter((each) => each.peer?.startsWith(`${peer}:`));
    expect(lines("10.0.0.1")).toHaveLength(defaultRateLimits.failuresPerMinute);
    expect(lines("10.0.0.2")).toHaveLength(2 * defaultRateLimits.failuresPerMinute);
  });

  test.each(["full", "gone", "blocked"] as const)(
    "refuses a call that its only sink, which is %s, cannot write down",
    async (trouble) => {
      await enable("a");
      const before = harness.vendor.calls.length;
      sinkAt("/a").trouble = trouble;
      const second = trouble === "gone" ? await harness.start({ openAuditSink: openSink }) : server;
      await expect(second.ask("read", { path, data: {} })).rejects.toMatchObject(unavailable);
      expect(harness.vendor.calls).toHaveLength(before);
      sinkAt("/a").trouble = "none";
      sinkAt("/a").release();
      await harness.clock.advance(1100);
      await second.ask("read", { path, data: {} });
    },
  );

  test("takes back what it could not write down the answer of", async () => {
    await enable("a");
    harness.vendor.fail("createKey", {
      after: (async () => {
        await harness.clock.sleep(10);
        sinkAt("/a").trouble = "full";
      })(),
    });
    await expect(server.ask("read", { path, data: {} })).rejects.toMatchObject(unavailable);
    sinkAt("/a").trouble = "none";
    await harness.clock.advance(5000);
    expect(harness.vendor.alive()).toEqual([]);
    expect(harness.leases.leases()).toEqual([]);
  });

  describe("of a caller who hangs up while the answer is written down", () => {
    const hangUpWhileWriting = async (idempotencyKey: string) => {
      await enable("a");
      harness.vendor.fail("createKey", {
        after: (async () => {
          await harness.clock.sleep(10);
          sinkAt("/a").trouble = "blocked";
        })(),
      });
      const caller = new AbortController();
      const reading = server.call("read", { path, data: {}, idempotencyKey }, { signal: caller.signal });
      const outcome = reading.then(
        () => "answered",
        (error: Error) => error.message,
      );
      await harness.clock.advance(100);
      expect(harness.vendor.alive()).toHaveLength(1);
      caller.abort(new Error("hung up"));
      sinkAt("/a").trouble = "none";
      sinkAt("/a").release();
      expect(await outcome).toBe("hung up");
      await harness.clock.advance(5000);
    };

    test("takes back what was made", async () => {
      await hangUpWhileWriting("");
      expect([harness.vendor.alive(), harness.leases.leases()]).toEqual([[], []]);
    });

    test("leaves what the caller can ask for again", async () => {
      await hangUpWhileWriting("again");
      expect(harness.vendor.alive()).toHaveLength(1);
      const { lease } = await server.ask("read", { path, data: {}, idempotencyKey: "again" });
      expect(harness.leases.leases().map(({ id }) => id)).toEqual([lease?.id]);
    });
  });

  test("goes on while one of its sinks can write, however the other one fails", async () => {
    await enable("a");
    await enable("b");
    for (const trouble of ["full", "blocked"] as const) {
      sinkAt("/a").trouble = trouble;
      await server.issue();
      await harness.clock.advance(3000);
      sinkAt("/a").trouble = "none";
      sinkAt("/a").release();
      await harness.clock.advance(10);
      await server.ask("listMounts", {});
    }
    expect(entries("b").filter(({ operation }) => operation === "read")).toHaveLength(4);
    const told = harness.telemetry.filter(
      ([kind, what]) => kind === "backgroundFailed" && String(what).includes('"a"'),
    );
    expect(told).toHaveLength(2);
  });

  test("writes what comes while a write is under way together, in order and complete", async () => {
    await enable("a");
    const before = sinkAt("/a").writes;
    await harness.clock.advanceUntil(
      Promise.all(
        Array.from({ length: 1000 }, (_, at) => server.call("listMounts", {}, { requestId: `r${at}` })),
      ),
    );
    const read = entries("a").filter(({ operation }) => operation === "listMounts");
    for (const type of ["request", "response"])
      expect(read.filter((entry) => entry.type === type).map(({ request_id }) => request_id)).toEqual(
        Array.from({ length: 1000 }, (_, at) => `r${at}`),
      );
    expect(sinkAt("/a").writes - before).toBeLessThan(50);
  });

  test("is the same on every server within a second, and after a restart", async () => {
    const second = await harness.start({ openAuditSink: openSink });
    await enable("a");
    await harness.clock.advance(1100);
    await second.ask("listMounts", {});
    expect(entries("a").filter(({ operation }) => operation === "listMounts")).toHaveLength(2);
    const third = await harness.start({ openAuditSink: openSink });
    await third.ask("listMounts", {});
    expect(entries("a").filter(({ operation }) => operation === "listMounts")).toHaveLength(4);
    expect((await third.ask("listAudits", {})).audits).toEqual([
      { name: "a", type: "file", options: { path: "/a" }, isOpen: true },
    ]);
    await server.ask("disableAudit", { name: "a" });
    await harness.clock.advance(1100);
    const { length } = entries("a");
    for (const each of [server, second, third]) await each.ask("listMounts", {});
    expect(entries("a")).toHaveLength(length);
  });

  test("opens its sinks anew when it is told to", async () => {
    await enable("a");
    const { opened } = sinkAt("/a");
    await server.core.reopenAudit();
    expect(sinkAt("/a").opened).toBe(opened + 1);
  });

  test("enables nothing that cannot be opened, twice, or under a bad name", async () => {
    sinkAt("/gone").trouble = "gone";
    for (const name of ["gone", "Bad Name"])
      await expect(enable(name)).rejects.toMatchObject({ code: "INVALID_FIELD" });
    await enable("a");
    await expect(enable("a")).rejects.toMatchObject({ code: "INVALID_FIELD" });
    await expect(server.ask("disableAudit", { name: "b" })).rejects.toMatchObject({ code: "NO_SUCH_AUDIT" });
    await expect(server.ask("hashAudit", { name: "b", value: "" })).rejects.toMatchObject({
      code: "NO_SUCH_AUDIT",
    });
  });
});
