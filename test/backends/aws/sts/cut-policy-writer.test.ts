import { describe, expect, it } from "vitest";
import type { OpenRoot, RootAccess } from "../../../../src/backends/aws/root-access.ts";
import { createSessionCutter, type SessionCutter } from "../../../../src/backends/aws/sts/session-cutter.ts";
import type { JsonObject } from "../../../../src/core/json.ts";
import { createFakeSts, type FakeStsCall } from "../../../kit/fake-sts.ts";
import { mountAws, rootKey } from "../mounted-aws.ts";
import { readerArn } from "./mounted-sessions.ts";

const hourMs = 3_600_000;

/** Several servers with the same storage, each with a cutter of its own. */
async function servers(count: number) {
  const aws = mountAws();
  await aws.ask("write", "config/root", rootKey);
  const { clock, storage, leases } = aws;
  const sts = createFakeSts(clock);
  const root = { sessions: sts, clock, account: "111122223333" } as unknown as OpenRoot;
  const access = { openToRevoke: async () => root, withAccount: async () => root } as unknown as RootAccess;
  const cutter = (): SessionCutter => createSessionCutter({ accessor: "aws_1", storage, leases, access });
  const cut = (by: SessionCutter, name: string) =>
    by.cut(readerArn, { name, endsAtMs: clock.nowMs() + hourMs, issuedByMs: clock.nowMs() });
  const denied = (): string[] => {
    const text = sts.roles.get("reader")?.get("leasehold-revoked-sessions-aws_1") ?? "{}";
    const statements: JsonObject[] = JSON.parse(text).Statement ?? [];
    const names = JSON.stringify(statements).matchAll(/\*:([\w-]+)/g);
    return [...names].map(([, name = ""]) => name).sort();
  };
  return { clock, sts, cut, denied, cutters: Array.from({ length: count }, cutter) };
}

/** Holds the first call back until it is let go. */
function holdFirst(knobs: { hold: (call: FakeStsCall) => Promise<void> | undefined }) {
  const held = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<void>();
  let isFirst = true;
  knobs.hold = () => {
    if (!isFirst) return undefined;
    isFirst = false;
    reached.resolve();
    return held.promise;
  };
  return { reached: reached.promise, letGo: held.resolve };
}

describe("writing the policy of a role from several servers", () => {
  it("loses no denial, though they write at the same time", async () => {
    const { cut, denied, cutters } = await servers(4);
    const names = Array.from({ length: 24 }, (_, at) => `s${String(at).padStart(2, "0")}`);
    await Promise.all(
      names.map(async (name, at) => {
        const by = cutters[at % cutters.length];
        for (let tries = 0; by && tries < 20; tries++) {
          const outcome = await cut(by, name).catch((error: unknown) => String(error));
          if (outcome === "alone") return;
        }
        throw new Error(`${name} is never cut off.`);
      }),
    );
    expect(denied()).toEqual(names);
  });

  it("waits while another server writes, and uses no attempt where that takes long", async () => {
    const { sts, cut, denied, cutters } = await servers(2);
    const [one, other] = cutters;
    if (!one || !other) throw new Error("There are two.");
    const { reached, letGo } = holdFirst(sts.knobs);
    const first = cut(one, "first");
    await reached;
    await expect(cut(other, "second")).rejects.toMatchObject({
      name: "RetryLater",
      reason: { code: "REVOCATION_PENDING" },
    });
    expect(denied()).toEqual([]);
    letGo();
    expect(await first).toBe("alone");
    expect(await cut(other, "second")).toBe("alone");
    expect(denied()).toEqual(["first", "second"]);
  });

  it("writes once more where its right ran out meanwhile, since it may have undone something newer", async () => {
    const { clock, sts, cut, denied, cutters } = await servers(2);
    const [one, other] = cutters;
    if (!one || !other) throw new Error("There are two.");
    const { reached, letGo } = holdFirst(sts.knobs);
    const first = cut(one, "first");
    await reached;
    clock.advance(15_001);
    expect(await cut(other, "second")).toBe("alone");
    expect(denied()).toEqual(["first", "second"]);
    letGo();
    expect(await first).toBe("alone");
    expect(denied()).toEqual(["first", "second"]);
    expect(sts.calls).toHaveLength(3);
  });
});
