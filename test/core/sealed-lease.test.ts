import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { BarrierError, createBarrier } from "../../src/core/barrier.ts";
import type { LeaseIdentity } from "../../src/core/lease.ts";
import type { StoredLease } from "../../src/core/lease-store.ts";
import { viewStoredLease } from "../../src/core/lease-view.ts";
import { openLease, sealLease } from "../../src/core/sealed-lease.ts";

const barrier = createBarrier({ activeTerm: 1, keys: new Map([[1, randomBytes(32)]]) });
const identity: LeaseIdentity = {
  id: "aws/creds/deploy/uuid-1",
  path: "aws/creds/deploy",
  role: "deploy",
  accessor: "aws_1",
  caller: "root",
  secretType: "iam_user",
  issuedAtMs: 1000,
  ttlMs: 5000,
  maxExpiresAtMs: 9000,
};
const handle = { user: "u1", keys: ["AKIA1"] };
const clear = {
  state: "active",
  expiresAtMs: 6000,
  attempts: 2,
  lastError: "Away.",
  disarmedAtMs: undefined,
  isRenewable: true,
} as const;
const stored: StoredLease = {
  ...clear,
  id: identity.id,
  accessor: identity.accessor,
  sealed: sealLease(barrier, identity, handle),
  dueAtMs: 6000,
  backoffEndsAtMs: undefined,
  fence: "f",
};

describe("a sealed lease", () => {
  test("opens as what it was", () => {
    expect(openLease(barrier, stored)).toEqual({ ...identity, ...clear, handle });
  });

  test("keeps when its secret was made anew", () => {
    const reissued = { ...identity, reissuedAtMs: 2000 };
    const sealed = sealLease(barrier, reissued, handle);
    expect(openLease(barrier, { ...stored, sealed })).toEqual({ ...reissued, ...clear, handle });
  });

  test("shows nothing of its identity or handle", () => {
    const text = Buffer.from(stored.sealed).toString("latin1");
    for (const word of ["deploy", "root", "iam_user", "AKIA1"]) expect(text).not.toContain(word);
  });

  test("does not open under another id", () => {
    expect(() => openLease(barrier, { ...stored, id: "aws/creds/deploy/uuid-2" })).toThrow(BarrierError);
  });

  test("does not open under another mount", () => {
    expect(() => openLease(barrier, { ...stored, accessor: "aws_2" })).toThrow(BarrierError);
  });

  test("has an expiry beyond its sealed maximum cut to that", () => {
    expect(openLease(barrier, { ...stored, expiresAtMs: 1e12 }).expiresAtMs).toBe(9000);
  });

  test("of another schema is refused", () => {
    const place = { key: `lease:${identity.accessor}:${identity.id}`, field: "sealed" };
    const claimed = barrier.seal(Buffer.from([1]), { ...place, schema: 3 });
    expect(() => openLease(barrier, { ...stored, sealed: claimed })).toThrow("has schema 1, not 3.");
    const sealed = barrier.seal(Buffer.from([1]), { ...place, schema: 1 });
    expect(() => openLease(barrier, { ...stored, sealed })).toThrow(BarrierError);
  });

  test("is small enough for the store with a handle of a kilobyte", () => {
    expect(sealLease(barrier, identity, { text: "x".repeat(1024) }).length).toBeLessThan(2048);
  });
});

describe("viewStoredLease()", () => {
  test("shows what is left, and never less than nothing", () => {
    expect(viewStoredLease(barrier, stored, 4000).ttlLeftMs).toBe(2000);
    expect(viewStoredLease(barrier, stored, 7000).ttlLeftMs).toBe(0);
  });

  test("shows a record that does not open by what is in the clear", () => {
    const view = viewStoredLease(barrier, { ...stored, sealed: randomBytes(60) }, 4000);
    expect(view).toMatchObject({
      id: identity.id,
      path: identity.path,
      state: "active",
      attempts: 2,
      role: "",
    });
    expect(view.lastError).toBe(
      "The stored record does not open: it was changed, or belongs to another lease.",
    );
    expect(view).not.toHaveProperty("sealed");
    expect(view).not.toHaveProperty("fence");
  });
});
