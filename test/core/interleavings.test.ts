import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Deed, interleave, schedule } from "./interleaving-scene.ts";

const runs = 60;

/** Plays deeds in many orders; whatever the order, nothing may go wrong, and everything ends. */
async function inAnyOrder(deeds: fc.Arbitrary<readonly Deed[]>, numRuns = runs): Promise<void> {
  await fc.assert(
    fc.asyncProperty(deeds, schedule, async (all, order) => {
      const { harness, problems } = await interleave(all, order);
      expect(problems).toEqual([]);
      expect(harness.vendor.alive()).toEqual([]);
      expect(harness.leases.leases().map(({ id, state }) => `${id} ${state}`)).toEqual([]);
    }),
    { numRuns },
  );
}

const server = fc.constantFrom(0, 1);
const deed: fc.Arbitrary<Deed> = fc.oneof(
  fc.record({ do: fc.constant("issue" as const), server, ttl: fc.constantFrom(1, 3, 10) }),
  fc.record({
    do: fc.constant("renew" as const),
    server,
    incrementMs: fc.constantFrom(1000, 12_000, 200_000),
  }),
  fc.record({ do: fc.constantFrom("revoke" as const, "revoke prefix" as const, "unmount" as const), server }),
);

describe("in whatever order their calls come and are answered", () => {
  test.each<[string, readonly Deed[]]>([
    [
      "an issue whose time runs out and the claim that ends it",
      [
        { do: "issue", server: 0, ttl: 1 },
        { do: "issue", server: 1, ttl: 10 },
      ],
    ],
    [
      "a revocation and two renewals",
      [
        { do: "revoke", server: 0 },
        { do: "renew", server: 1, incrementMs: 15_000 },
        { do: "renew", server: 0, incrementMs: 2000 },
      ],
    ],
    [
      "two revocations by two servers",
      [
        { do: "revoke", server: 0 },
        { do: "revoke", server: 1 },
      ],
    ],
    [
      "an unmounting and two issues",
      [
        { do: "unmount", server: 0 },
        { do: "issue", server: 0, ttl: 10 },
        { do: "issue", server: 1, ttl: 10 },
      ],
    ],
  ])(
    "%s leave at most one secret a lease, none without a lease, and nothing for ever",
    { timeout: 60_000 },
    async (_, deeds) => {
      await inAnyOrder(fc.constant(deeds));
    },
  );

  test("so do any four requests to two servers", { timeout: 60_000 }, async () => {
    await inAnyOrder(fc.array(deed, { minLength: 2, maxLength: 4 }), 2 * runs);
  });
});
