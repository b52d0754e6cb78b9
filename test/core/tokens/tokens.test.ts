import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createTokenBook } from "../../../src/core/tokens/token-book.ts";
import { type CoreHarness, createCoreHarness, type TestServer } from "../../kit/core-harness.ts";
import { createToken, writePolicy } from "./token-scene.ts";

const path = "scripted/creds/deploy";

let harness: CoreHarness;
let server: TestServer;

beforeEach(async () => {
  harness = createCoreHarness();
  server = await harness.start();
  await server.mount();
  await writePolicy(server, "deploy", {
    "scripted/creds/*": ["read"],
    "auth/token/create": ["update"],
  });
});
afterEach(() => harness.stop());

const read = (token: string, by: TestServer = server) => by.ask("read", { path, data: {} }, { token });
const lookupSelf = (token: string, by: TestServer = server) => by.ask("lookupSelf", {}, { token });
const unauthenticated = { code: "UNAUTHENTICATED" };

describe("a token", () => {
  test("is 256 random bits of which only the digest is stored", async () => {
    const { token, view } = await createToken(server, { policies: ["deploy"] });
    expect(token).toMatch(/^lh\.[A-Za-z0-9_-]{43}$/);
    expect(view).toMatchObject({ policies: ["default", "deploy"], parent: "root", usesLeft: undefined });
    expect(JSON.stringify(await lookupSelf(token))).not.toContain(token.slice(3));
  });

  test("does what its policies allow, and ends at its time", async () => {
    const { token, view } = await createToken(server, { policies: ["deploy"], ttlMs: 20_000 });
    expect((await read(token)).lease).toMatchObject({ caller: view.accessor });
    await harness.clock.advance(20_000);
    await expect(read(token)).rejects.toMatchObject(unauthenticated);
    await harness.clock.advance(5000);
    expect(harness.leases.leases()).toEqual([]);
    expect(harness.vendor.alive()).toEqual([]);
  });

  test("is renewed to its maximum, and not beyond it", async () => {
    const { token } = await createToken(server, { policies: ["deploy"], ttlMs: 20_000, maxTtlMs: 30_000 });
    await harness.clock.advance(15_000);
    const { token: view, warnings } = await server.ask("renewSelf", { incrementMs: undefined }, { token });
    expect(view.lease?.ttlLeftMs).toBe(15_000);
    expect(warnings).toHaveLength(1);
    await harness.clock.advance(10_000);
    await read(token);
    await harness.clock.advance(5000);
    await expect(read(token)).rejects.toMatchObject(unauthenticated);
  });

  test("cannot be renewed where it was made so", async () => {
    const { token } = await createToken(server, { isRenewable: false });
    await expect(server.ask("renewSelf", { incrementMs: undefined }, { token })).rejects.toMatchObject({
      code: "UNSUPPORTED_OPERATION",
    });
  });

  test("takes the tokens and the leases that it made with it, on every mount, and leaves orphans", async () => {
    await server.mount("other");
    await writePolicy(server, "maker", {
      "+/creds/*": ["read"],
      "auth/token/*": ["update", "sudo"],
    });
    const parent = await createToken(server, { policies: ["maker"] });
    const child = await createToken(server, { policies: ["maker"] }, parent.token);
    const grandchild = await createToken(server, {}, child.token);
    const orphan = await createToken(server, { isOrphan: true }, child.token);
    await read(parent.token);
    await read(grandchild.token);
    await server.ask("read", { path: "other/creds/deploy", data: {} }, { token: child.token });
    await read(orphan.token);
    await server.ask("revokeToken", { accessor: parent.view.accessor });
    await harness.clock.advance(5000);
    for (const { token } of [parent, child, grandchild])
      await expect(lookupSelf(token)).rejects.toMatchObject(unauthenticated);
    expect((await lookupSelf(orphan.token)).parent).toBeUndefined();
    expect(harness.vendor.alive()).toHaveLength(1);
    expect(harness.leases.leases().map(({ id }) => id.split("/", 2).join("/"))).toEqual([
      "auth/token",
      "scripted/creds",
    ]);
  });

  test("is refused by the server that ended it at once, and by every other within a second", async () => {
    const other = await harness.start();
    const { token } = await createToken(server, { policies: ["deploy"] });
    await lookupSelf(token, other);
    await server.ask("revokeSelf", {}, { token });
    await expect(lookupSelf(token, server)).rejects.toMatchObject(unauthenticated);
    await harness.clock.advance(1000);
    await expect(lookupSelf(token, other)).rejects.toMatchObject(unauthenticated);
  });

  test("can be used as often as it was made for, and ends with all that it made", async () => {
    const { token } = await createToken(server, { policies: ["deploy"], usesMax: 2 });
    await read(token);
    expect(harness.vendor.alive()).toHaveLength(1);
    expect((await lookupSelf(token)).usesLeft).toBe(0);
    await expect(lookupSelf(token)).rejects.toMatchObject(unauthenticated);
    await harness.clock.advance(5000);
    expect(harness.vendor.alive()).toEqual([]);
  });

  test("gets nothing for its last use that would outlive it", async () => {
    const { token } = await createToken(server, { policies: ["deploy"], usesMax: 1 });
    await expect(read(token)).rejects.toMatchObject(unauthenticated);
    await harness.clock.advance(5000);
    expect(harness.vendor.alive()).toEqual([]);
  });

  test("leaves nothing behind that was being made while it ended", async () => {
    const { token, view } = await createToken(server, { policies: ["deploy"] });
    await lookupSelf(token);
    harness.vendor.fail("createKey", {
      after: server.ask("revokeToken", { accessor: view.accessor }).then(() => {}),
    });
    await read(token).catch(() => {});
    await harness.clock.advance(30_000);
    expect(harness.vendor.alive()).toEqual([]);
    expect(harness.leases.leases()).toEqual([]);
  });

  test("gives away only policies that it has", async () => {
    const { token } = await createToken(server, { policies: ["deploy"] });
    for (const policies of [["root"], ["deploy", "other"]])
      await expect(createToken(server, { policies }, token)).rejects.toMatchObject({
        code: "PERMISSION_DENIED",
      });
    const child = await createToken(server, { policies: ["deploy"], isWithoutDefaultPolicy: true }, token);
    expect(child.view.policies).toEqual(["deploy"]);
    await expect(createToken(server, { isOrphan: true }, token)).rejects.toMatchObject({
      code: "PERMISSION_DENIED",
    });
  });

  test.each([
    [{ policies: ["No Such"] }, "policies"],
    [{ displayName: "a\nb" }, "display_name"],
    [{ usesMax: 1.5 }, "num_uses"],
    [{ metadata: { a: "x".repeat(513) } }, "metadata"],
    [{ ttlMs: 10 }, "ttl"],
  ])("is not made from %j", async (request, field) => {
    await expect(createToken(server, request)).rejects.toMatchObject({
      code: "INVALID_FIELD",
      message: expect.stringContaining(field),
    });
    expect((await server.ask("listTokens", { pageSize: 0, pageToken: "" })).accessors).toEqual([]);
  });

  test("is found by its accessor, page by page, until it has ended", async () => {
    const made = [await createToken(server), await createToken(server), await createToken(server)];
    const page = await server.ask("listTokens", { pageSize: 2, pageToken: "" });
    const rest = await server.ask("listTokens", { pageSize: 2, pageToken: page.nextPageToken });
    const accessors = made.map(({ view }) => view.accessor).sort();
    expect([...page.accessors, ...rest.accessors].sort()).toEqual(accessors);
    const [accessor = ""] = accessors;
    expect((await server.ask("lookupToken", { accessor })).accessor).toBe(accessor);
    await server.ask("revokeToken", { accessor });
    await expect(server.ask("lookupToken", { accessor })).rejects.toMatchObject({ code: "NO_SUCH_TOKEN" });
  });
});

test("a book of tokens brings back nothing that was disarmed while it was used", async () => {
  const entries = new Map<string, Readonly<Record<string, unknown>>>();
  const book = createTokenBook({
    get: async (entry) => entries.get(entry) as never,
    put: async (entry, value) => void entries.set(entry, value),
    update: async (entry, change) => {
      const value = change(entries.get(entry) as never);
      entries.set(entry, value);
      return value;
    },
    delete: async (entry) => entries.delete(entry),
    list: async () => [],
  });
  expect(await book.useOnce("digest")).toBeUndefined();
  expect(entries.size).toBe(0);
});

test("a stream of events tells nothing more once its token has ended", async () => {
  await writePolicy(server, "watch", { "sys/leases/watch/*": ["read"] });
  const { token, view } = await createToken(server, { policies: ["watch"] });
  const ending = new AbortController();
  const watching = { prefix: "scripted/", resumeToken: "" };
  const events = (await server.ask("watchLeases", watching, { token, signal: ending.signal }))[
    Symbol.asyncIterator
  ]();
  await server.issue();
  expect((await harness.clock.advanceUntil(events.next())).value).toMatchObject({ kind: "issued" });
  await server.ask("revokeToken", { accessor: view.accessor });
  await harness.clock.advance(1000);
  const next = events.next();
  await server.issue();
  await expect(harness.clock.advanceUntil(next)).rejects.toMatchObject(unauthenticated);
  ending.abort();
});
