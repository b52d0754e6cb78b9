import { randomBytes } from "node:crypto";
import { beforeEach, describe, expect, test } from "vitest";
import { createBarrier } from "../../src/core/barrier.ts";
import { adoptingCaller, createMountLeases, type MountLeases } from "../../src/core/mount-leases.ts";
import { openLease } from "../../src/core/sealed-lease.ts";
import { createMemoryLeaseStore } from "../kit/memory-lease-store.ts";

const accessor = "aws_1";
const nowMs = 1_000_000;
const leaseUuid = "0d042c53-aa8a-4ce7-9dfd-310351c465e5";
const id = `aws/creds/deploy/${leaseUuid}`;
const barrier = createBarrier({ activeTerm: 1, keys: new Map([[1, randomBytes(32)]]) });
const found = {
  path: "aws/creds/deploy",
  leaseUuid,
  role: "deploy",
  secretType: "iam_user",
  handle: { user: "leasehold-deploy" },
};

let store: ReturnType<typeof createMemoryLeaseStore>;
let leases: MountLeases;
beforeEach(async () => {
  store = createMemoryLeaseStore({ nowMs: () => nowMs });
  await store.setMountState(accessor, "mounted");
  leases = createMountLeases({
    ...{ accessor, mountPath: "aws", leases: store, barrier },
    issueGraceMs: 60_000,
    isObserving: () => false,
  });
});

describe("adopt()", () => {
  test("makes an active lease that comes due at the given time, and opens like any other", async () => {
    expect(await leases.isKnown(found.path, leaseUuid)).toBe(false);
    expect(await leases.adopt({ ...found, expiresAtMs: nowMs + 5000 })).toBe(id);
    expect(await leases.isKnown(found.path, leaseUuid)).toBe(true);
    const stored = await store.get({ accessor, id });
    if (!stored) throw new Error("It is not stored.");
    expect(stored).toMatchObject({ state: "active", dueAtMs: nowMs + 5000, isRenewable: false });
    expect(openLease(barrier, stored)).toMatchObject({
      ...{ role: "deploy", secretType: "iam_user", handle: found.handle, caller: adoptingCaller },
      maxExpiresAtMs: nowMs + 5000,
    });
  });

  test("makes what is over already due at once", async () => {
    await leases.adopt({ ...found, expiresAtMs: nowMs - 5000 });
    expect(await store.get({ accessor, id })).toMatchObject({ state: "active", dueAtMs: nowMs + 1 });
  });

  test("changes nothing about a lease that is known", async () => {
    await leases.adopt({ ...found, expiresAtMs: nowMs + 5000 });
    expect(await leases.adopt({ ...found, expiresAtMs: nowMs + 9000 })).toBeUndefined();
    expect(await store.get({ accessor, id })).toMatchObject({ dueAtMs: nowMs + 5000 });
  });

  test("is refused on a mount that goes away", async () => {
    await store.setMountState(accessor, "unmounting");
    await expect(leases.adopt({ ...found, expiresAtMs: nowMs + 5000 })).rejects.toMatchObject({
      code: "MOUNT_UNMOUNTING",
    });
    expect(await store.get({ accessor, id })).toBeUndefined();
  });
});
