import { describe, expect, it } from "vitest";
import { createEpochLedger, type SeenMount } from "../../src/core/epoch-ledger.ts";
import { reasonsOf } from "../../src/core/loss-words.ts";

const seenAtMs = Date.parse("2026-01-01T00:00:00Z");
const seen = (epochs: Readonly<Record<string, number | undefined>>): ReadonlyMap<string, SeenMount> =>
  new Map(Object.entries(epochs).map(([accessor, epoch]) => [accessor, { path: `path-${accessor}`, epoch }]));

describe("an epoch ledger", () => {
  it("takes mounts that appear, and epochs that rise or stay, for normal", () => {
    const ledger = createEpochLedger();
    expect(ledger.losses(seen({ a: 5 }))).toEqual([]);
    ledger.accept(seen({ a: 5 }), { seenAtMs, nowMs: 0 });
    expect(ledger.losses(seen({ a: 5, b: 1 }))).toEqual([]);
    expect(ledger.losses(seen({ a: 6 }))).toEqual([]);
  });

  it("finds a mount that is missing, and one whose epoch went back", () => {
    const ledger = createEpochLedger();
    ledger.accept(seen({ a: 5, b: 7 }), { seenAtMs, nowMs: 0 });
    ledger.setLeases("b", 3);
    expect(ledger.losses(seen({ b: 6 }))).toEqual([
      {
        accessor: "a",
        known: { path: "path-a", epoch: 5, settledEpoch: 5, leases: 0 },
        seenAtMs,
        epoch: undefined,
        isTail: false,
      },
      {
        accessor: "b",
        known: { path: "path-b", epoch: 7, settledEpoch: 7, leases: 3 },
        seenAtMs,
        epoch: 6,
        isTail: false,
      },
    ]);
  });

  it("says nothing of a mount that cannot be read, and still knows it later", () => {
    const ledger = createEpochLedger();
    ledger.accept(seen({ a: 5 }), { seenAtMs, nowMs: 0 });
    expect(ledger.losses(seen({ a: undefined }))).toEqual([]);
    ledger.accept(seen({ a: undefined }), { seenAtMs, nowMs: 1 });
    expect(ledger.losses(seen({ a: 4 }))).toHaveLength(1);
  });

  it("takes the loss of the last seconds for a failover's, and no more than that", () => {
    const ledger = createEpochLedger();
    for (let second = 0; second <= 60; second++)
      ledger.accept(seen({ a: 100 + second }), { seenAtMs, nowMs: second * 1000 });
    expect(ledger.losses(seen({ a: 151 }))).toMatchObject([{ isTail: true }]);
    expect(ledger.losses(seen({ a: 139 }))).toMatchObject([{ isTail: false }]);
  });

  it("takes any loss of a mount at rest for serious", () => {
    const ledger = createEpochLedger();
    for (let second = 0; second <= 60; second++)
      ledger.accept(seen({ a: 100 }), { seenAtMs, nowMs: second * 1000 });
    expect(ledger.losses(seen({ a: 99 }))).toMatchObject([{ isTail: false }]);
  });

  it("takes a mount that appears for as new as all of its changes, for the next seconds", () => {
    const ledger = createEpochLedger();
    ledger.accept(seen({ a: 5 }), { seenAtMs, nowMs: 0 });
    ledger.accept(seen({ a: 5, b: 9 }), { seenAtMs, nowMs: 1000 });
    expect(ledger.losses(seen({ a: 5, b: 7 }))).toMatchObject([{ accessor: "b", isTail: true }]);
    expect(ledger.losses(seen({ a: 5 }))).toMatchObject([{ accessor: "b", epoch: undefined, isTail: true }]);
    ledger.accept(seen({ a: 5, b: 9 }), { seenAtMs, nowMs: 11_000 });
    expect(ledger.losses(seen({ a: 5 }))).toMatchObject([{ accessor: "b", isTail: false }]);
    expect(ledger.losses(seen({ a: 5, b: 8 }))).toMatchObject([{ accessor: "b", isTail: false }]);
  });

  it("takes no mount for new that was there at the first look, whenever it could be read", () => {
    const ledger = createEpochLedger();
    ledger.accept(seen({ a: 5, b: undefined }), { seenAtMs, nowMs: 0 });
    ledger.accept(seen({ a: 5, b: 9 }), { seenAtMs, nowMs: 1000 });
    expect(ledger.losses(seen({ a: 4, b: 8 }))).toMatchObject([{ isTail: false }, { isTail: false }]);
  });

  it("takes one lost tail after another for what they are", () => {
    const ledger = createEpochLedger();
    for (let second = 0; second <= 30; second++)
      ledger.accept(seen({ a: 100 + second }), { seenAtMs, nowMs: second * 1000 });
    for (const [nowMs, epoch] of [
      [31_000, 127],
      [32_000, 140],
      [41_000, 160],
    ] as const)
      ledger.accept(seen({ a: epoch }), { seenAtMs, nowMs });
    expect(ledger.losses(seen({ a: 127 }))).toMatchObject([{ isTail: true }]);
    expect(ledger.losses(seen({ a: 109 }))).toMatchObject([{ isTail: false }]);
  });

  it("takes for a failover's what was new when it was written down, and nothing else that is missing since", () => {
    const ledger = createEpochLedger();
    ledger.load({
      seenAtMs,
      mounts: new Map([
        ["a", { path: "aws", epoch: 10, settledEpoch: 8, leases: 2 }],
        ["new", { path: "kv", epoch: 3, settledEpoch: 0, leases: 0 }],
      ]),
    });
    expect(ledger.losses(seen({ a: 8 }))).toMatchObject([{ isTail: true }, { isTail: true }]);
    expect(ledger.losses(seen({ a: 7, new: 3 }))).toMatchObject([{ isTail: false, known: { leases: 2 } }]);
    for (let second = 0; second <= 30; second++)
      ledger.accept(seen({ a: 10 + second }), { seenAtMs, nowMs: second * 1000 });
    expect(ledger.losses(seen({ a: 35 }))).toMatchObject([{ isTail: true }]);
    expect(ledger.losses(seen({ a: 15 }))).toMatchObject([{ isTail: false }]);
  });

  it("writes down how much of it was new", () => {
    const ledger = createEpochLedger();
    for (let second = 0; second <= 25; second++)
      ledger.accept(seen({ a: 100 + second }), { seenAtMs, nowMs: second * 1000 });
    expect(ledger.remembered().mounts.get("a")).toMatchObject({ epoch: 125, settledEpoch: 110 });
  });

  it("knows what it was told to accept, also where that is less than before", () => {
    const ledger = createEpochLedger();
    ledger.accept(seen({ a: 5, b: 7 }), { seenAtMs, nowMs: 0 });
    ledger.accept(seen({ a: 3 }), { seenAtMs: seenAtMs + 1, nowMs: 1000 });
    expect(ledger.losses(seen({ a: 3 }))).toEqual([]);
    expect(ledger.losses(seen({ a: 2 }))).toMatchObject([{ isTail: false }]);
    expect(ledger.remembered()).toEqual({
      seenAtMs: seenAtMs + 1,
      mounts: new Map([["a", { path: "path-a", epoch: 3, settledEpoch: 3, leases: 0 }]]),
    });
  });

  it("names what has changed once", () => {
    const ledger = createEpochLedger();
    ledger.accept(seen({ a: 5, b: 7 }), { seenAtMs, nowMs: 0 });
    expect(ledger.takeChanged()).toEqual(["a", "b"]);
    ledger.accept(seen({ b: 7 }), { seenAtMs, nowMs: 0 });
    expect(ledger.takeChanged()).toEqual(["a"]);
    expect(ledger.takeChanged()).toEqual([]);
  });

  it("names a mount once its newest change has settled", () => {
    const ledger = createEpochLedger();
    ledger.accept(seen({}), { seenAtMs, nowMs: 0 });
    ledger.accept(seen({ a: 5 }), { seenAtMs, nowMs: 1000 });
    expect(ledger.takeChanged()).toEqual(["a"]);
    ledger.accept(seen({ a: 5 }), { seenAtMs, nowMs: 2000 });
    expect(ledger.takeChanged()).toEqual([]);
    ledger.accept(seen({ a: 5 }), { seenAtMs, nowMs: 30_000 });
    expect(ledger.takeChanged()).toEqual(["a"]);
    expect(ledger.remembered().mounts.get("a")).toMatchObject({ settledEpoch: 5 });
  });
});

describe("reasonsOf()", () => {
  const known = { path: "aws", epoch: 10, settledEpoch: 10, leases: 1 };
  const loss = { accessor: "aws_1", known, seenAtMs, isTail: false };

  it("tells which mount, the numbers and the time", () => {
    expect(
      reasonsOf([
        { ...loss, epoch: 9 },
        { ...loss, epoch: undefined },
        { ...loss, epoch: undefined, isTail: true },
      ]),
    ).toEqual([
      'Mount "aws" (aws_1) was at epoch 10, with 1 lease, at 2026-01-01T00:00:00.000Z, and is at epoch 9 now: ' +
        "1 change of it is missing. Redis was restored from a backup, or has lost its last writes.",
      'Mount "aws" (aws_1) was there with 1 lease, at 2026-01-01T00:00:00.000Z, and is missing now: ' +
        "Redis was emptied, or restored from a backup that is older than the mount.",
      'Mount "aws" (aws_1) was new with 1 lease, at 2026-01-01T00:00:00.000Z, and is missing now: ' +
        "Redis has lost its last writes.",
    ]);
  });

  it("names twenty mounts, and counts the others", () => {
    const reasons = reasonsOf(Array.from({ length: 25 }, () => ({ ...loss, epoch: 9 })));
    expect(reasons).toHaveLength(21);
    expect(reasons.at(-1)).toBe("The same goes for 5 more mounts.");
  });
});
