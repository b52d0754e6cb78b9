import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { kvBackend } from "../../src/backends/kv/kv-backend.ts";
import { CoreError } from "../../src/core/errors.ts";
import type { JsonObject } from "../../src/core/json.ts";
import { parsePolicy } from "../../src/core/policy/policy.ts";
import type { OperationName, Operations, RequestContext } from "../../src/core/requests.ts";
import { createToken, writePolicy } from "../core/tokens/token-scene.ts";
import { type CoreHarness, createCoreHarness, rootToken, type TestServer } from "../kit/core-harness.ts";

/** 2,000 in the gate; `npm run test:fuzz` sets more. */
const numRuns = Number(process.env.LEASEHOLD_FUZZ_RUNS ?? 2000);
const timeout = 60_000 + numRuns * 20;

const harness: CoreHarness = createCoreHarness();
let server: TestServer;
let tokens: readonly string[];

beforeAll(async () => {
  server = await harness.start({ backendTypes: [kvBackend()] });
  await server.mount();
  await server.ask("mount", { type: "kv", path: "kv", description: "", tuning: {} });
  await writePolicy(server, "some", {
    "kv/+/x": ["read"],
    "scripted/*": ["read", "list"],
    "kv/deny/*": ["deny"],
  });
  const some = await createToken(server, { policies: ["some"], ttlMs: 300_000 });
  tokens = [rootToken, some.token];
});
afterAll(() => harness.stop());

const odd = fc.oneof(
  fc.constantFrom(
    "",
    "/",
    "//",
    "..",
    "a/../b",
    "kv/",
    "\u0000",
    "\ud800",
    "a\nb",
    "+",
    "*",
    "{}",
    "%2e%2e",
    "lh:{x}",
  ),
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.string({ unit: "grapheme", maxLength: 1500 }),
);
const segment = fc.oneof(
  fc.constantFrom("kv", "scripted", "creds", "deploy", "auth", "token", "sys", "deny", "x"),
  odd,
);
const path = fc.oneof(
  odd,
  fc.array(segment, { maxLength: 6 }).map((segments) => segments.join("/")),
);
const leaseId = fc.oneof(
  path,
  fc.tuple(path, fc.uuid()).map(([start, uuid]) => `${start}/${uuid}`),
);
const token = fc.oneof(
  fc.constantFrom(0, 1).map((at) => () => tokens[at]),
  fc
    .oneof(
      odd,
      fc.string({ maxLength: 60 }).map((rest) => `lh.${rest}`),
    )
    .map((text) => () => text),
  fc.constant(() => undefined),
);
const data = fc.oneof(
  fc.dictionary(odd, fc.jsonValue({ maxDepth: 3 }), { maxKeys: 4 }),
  fc.record(
    { ttl: fc.jsonValue(), __proto__: fc.jsonValue(), constructor: fc.jsonValue() },
    { requiredKeys: [] },
  ),
) as fc.Arbitrary<JsonObject>;

/** Operations that are asked about paths, leases and tokens, with whatever input. */
const request: fc.Arbitrary<readonly [OperationName, object]> = fc.oneof(
  fc.tuple(fc.constantFrom("read" as const, "write" as const), fc.record({ path, data })),
  fc.tuple(fc.constantFrom("list" as const, "delete" as const, "help" as const), fc.record({ path })),
  fc.tuple(
    fc.constantFrom("lookupLease" as const, "revokeLease" as const, "retryLease" as const),
    fc.record({ leaseId }),
  ),
  fc.tuple(fc.constant("renewLease" as const), fc.record({ leaseId, incrementMs: fc.double() })),
  fc.tuple(fc.constant("countLeases" as const), fc.record({ prefix: path })),
  fc.tuple(
    fc.constant("listLeases" as const),
    fc.record({ prefix: path, pageSize: fc.integer(), pageToken: odd, states: fc.constant([]) }),
  ),
  fc.tuple(fc.constant("login" as const), fc.record({ path, data })),
  fc.tuple(fc.constant("lookupToken" as const), fc.record({ accessor: odd })),
  fc.tuple(fc.constant("readPolicy" as const), fc.record({ name: odd })),
  fc.tuple(fc.constant("writePolicy" as const), fc.record({ name: fc.constant("new"), policy: odd })),
);

let calls = 0;

async function ask(
  [name, input]: readonly [OperationName, object],
  by: string | undefined,
): Promise<unknown> {
  calls += 1;
  const context: Partial<RequestContext> = { token: by, peer: `10.${calls % 250}.${calls % 199}.1:1` };
  return await server.ask(name, input as Operations[typeof name]["input"], context);
}

describe("hostile requests", () => {
  it("are answered, or refused in words that are meant for callers", { timeout }, async () => {
    await fc.assert(
      fc.asyncProperty(request, token, async (what, tokenOf) => {
        const by = tokenOf();
        try {
          await ask(what, by);
        } catch (error) {
          if (!(error instanceof CoreError)) throw error;
          expect(error.code).not.toBe("INTERNAL");
          if (by !== undefined && by.length > 8) expect(error.message).not.toContain(by);
          expect(error.message.length).toBeLessThan(4000);
        }
      }),
      { numRuns },
    );
  });

  it("without a good token reach nothing", { timeout }, async () => {
    const before = JSON.stringify([...harness.leases.leases()].map(({ id, state }) => [id, state]));
    await fc.assert(
      fc.asyncProperty(request, odd, async (what, guess) => {
        if (what[0] === "login") return;
        await expect(ask(what, guess)).rejects.toMatchObject({
          code: expect.stringMatching(/UNAUTHENTICATED|RATE_LIMITED/),
        });
      }),
      { numRuns },
    );
    expect(JSON.stringify([...harness.leases.leases()].map(({ id, state }) => [id, state]))).toBe(before);
  });

  it("are policies that are read, or refused with the field's name", { timeout }, () => {
    const rule = fc.record(
      {
        capabilities: fc.oneof(fc.array(fc.constantFrom("read", "deny", "sudo", "raed", 1)), fc.jsonValue()),
        allowed_parameters: fc.oneof(fc.dictionary(odd, fc.array(fc.jsonValue())), fc.jsonValue()),
        required_parameters: fc.jsonValue(),
        other: fc.jsonValue(),
      },
      { requiredKeys: [] },
    );
    const text = fc.oneof(
      odd,
      fc.json(),
      fc.record({ path: fc.dictionary(path, rule, { maxKeys: 3 }) }).map((policy) => JSON.stringify(policy)),
    );
    fc.assert(
      fc.property(text, (policy) => {
        try {
          parsePolicy(policy);
        } catch (error) {
          expect(error).toMatchObject({
            code: "INVALID_FIELD",
            message: expect.stringContaining('"policy"'),
          });
        }
      }),
      { numRuns },
    );
  });
});
