import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type BarrierError, createBarrier } from "../../src/core/barrier.ts";
import type { Clock } from "../../src/core/clock.ts";
import { type Core, createCore } from "../../src/core/core.ts";
import type { Keyring } from "../../src/core/keyring.ts";
import type { LeaseStore } from "../../src/core/lease-store.ts";
import type { OperationName, Operations } from "../../src/core/requests.ts";
import type { Storage } from "../../src/core/storage.ts";
import { rootToken, testSettings } from "../kit/core-harness.ts";
import { createScriptedBackend } from "../kit/scripted-backend.ts";
import { createScriptedVendor, type ScriptedVendor } from "../kit/scripted-vendor.ts";

/** Stores that somebody else can write to. */
export interface OpenStores {
  readonly leases: LeaseStore;
  readonly storage: Storage;
  readonly clock: Clock;
  /** Every sealed value by its place: `data:<accessor>:<path>`, `mount:<path>`, `operator`, `lease:<accessor>:<id>`. */
  read(): Promise<ReadonlyMap<string, Uint8Array>>;
  /** Writes over the sealed value at a place. */
  write(place: string, sealed: Uint8Array): Promise<void>;
}

/** What was changed about a value, as a function of it and of another one that opens at its own place. */
const changes = {
  "with one bit changed": (value: Uint8Array) => value.map((byte, at) => (at === 20 ? byte ^ 1 : byte)),
  "with another term": (value: Uint8Array) => value.map((byte, at) => (at === 4 ? byte ^ 3 : byte)),
  "with another format": (value: Uint8Array) => value.map((byte, at) => (at === 0 ? 1 : byte)),
  "cut short": (value: Uint8Array) => value.slice(0, -1),
  emptied: () => new Uint8Array(),
  "exchanged for another of its kind": (_value: Uint8Array, sibling: Uint8Array) => sibling,
} as const;

/** What everything that is sealed keeps to, whatever somebody writes who can write the stores. */
export function tamperingConformance(name: string, make: () => Promise<OpenStores>): void {
  describe.each(Object.entries(changes))(`a value in ${name} %s`, (_change, changed) => {
    const keyring: Keyring = { activeTerm: 1, keys: new Map([[1, randomBytes(32)]]) };
    let stores: OpenStores;
    let vendor: ScriptedVendor;
    let cores: Core[];
    let unopened: string[];
    let core: Core;

    async function start(): Promise<Core> {
      const { leases, storage, clock } = stores;
      const onUnopened = ({ details }: BarrierError) => void unopened.push(details["stored_at"] ?? "");
      const started = createCore({
        ...{ leases, storage, clock, rootToken, settings: testSettings },
        wakeups: { start: async () => {}, stop: async () => {} },
        barrier: createBarrier(keyring, { onUnopened }),
        backendTypes: [createScriptedBackend(vendor)],
        telemetry: {
          ...{ handled() {}, claimed() {}, issued() {}, revoked() {}, revocationFailed() {} },
          ...{ observing() {}, backgroundFailed() {} },
        },
      });
      cores.push(started);
      await started.start();
      return started;
    }

    const ask = <Name extends OperationName>(
      operation: Name,
      input: Operations[Name]["input"],
      { token = rootToken, of = core } = {},
    ): Promise<Operations[Name]["output"]> =>
      of.handle(operation, input, {
        ...{ token, signal: new AbortController().signal, peer: "127.0.0.1:1", requestId: "1" },
        deadlineMs: stores.clock.nowMs() + 30_000,
      });

    const role = (roleName: string) => `scripted/roles/${roleName}`;
    const write = (path: string) => ask("write", { path, data: { note: `of ${path}` } });
    const issue = async () => {
      const { lease } = await ask("read", { path: "scripted/creds/deploy", data: { ttl: "4m" } });
      if (!lease) throw new Error("Nothing was issued.");
      return lease;
    };
    const placeThat = async (isIt: (place: string) => boolean): Promise<string> => {
      const place = [...(await stores.read()).keys()].find(isIt);
      if (place === undefined) throw new Error("Nothing is stored there.");
      return place;
    };
    /** Changes a value; answers its place. */
    const tamper = async (isIt: (place: string) => boolean, isSibling: (place: string) => boolean) => {
      const values = await stores.read();
      const [place, sibling] = [await placeThat(isIt), await placeThat(isSibling)];
      const value = values.get(place) ?? new Uint8Array();
      await stores.write(place, changed(value, values.get(sibling) ?? value));
      return place;
    };
    /** What a caller is told of the value at a place. */
    const unopenedAt = (place: string) => ({
      code: "DATA_CORRUPTED",
      details: expect.objectContaining({ stored_at: place }),
    });
    const endsIn = (end: string) => (place: string) => place.endsWith(end);

    beforeEach(async () => {
      stores = await make();
      vendor = createScriptedVendor();
      cores = [];
      unopened = [];
      core = await start();
      for (const path of ["scripted", "second"])
        await ask("mount", { type: "scripted", path, description: "", tuning: {} });
    });
    afterEach(async () => {
      await Promise.all(cores.map((one) => one.stop()));
    });

    test("is refused by its place where it is an entry of a mount, and the others are read", async () => {
      await write(role("deploy"));
      await write(role("other"));
      const place = await tamper(endsIn(":roles/deploy"), endsIn(":roles/other"));
      await expect(ask("read", { path: role("deploy"), data: {} })).rejects.toMatchObject(unopenedAt(place));
      await expect(ask("read", { path: "scripted/creds/deploy", data: {} })).rejects.toMatchObject(
        unopenedAt(place),
      );
      expect((await ask("read", { path: role("other"), data: {} })).data).toMatchObject({
        note: expect.any(String),
      });
      expect(await ask("list", { path: "scripted/roles/" })).toEqual({ keys: ["deploy", "other"] });
      expect(unopened.length).toBeGreaterThan(0);
      await write(role("deploy"));
      expect((await ask("read", { path: role("deploy"), data: {} })).data).toBeDefined();
    });

    test("is refused by its place where it is a policy, and gives nobody any right", async () => {
      const policy = (path: string) => JSON.stringify({ path: { [path]: { capabilities: ["read"] } } });
      await ask("writePolicy", { name: "narrow", policy: policy("scripted/roles/none") });
      await ask("writePolicy", { name: "wide", policy: policy("*") });
      const { token } = await ask("createToken", {
        ...{ policies: ["narrow"], displayName: "", metadata: {}, ttlMs: 60_000, maxTtlMs: undefined },
        ...{ isRenewable: true, usesMax: undefined, isOrphan: false, isWithoutDefaultPolicy: true },
      });
      const place = await tamper(endsIn(":policy/narrow"), endsIn(":policy/wide"));
      const fresh = await start();
      await expect(ask("readPolicy", { name: "narrow" }, { of: fresh })).rejects.toMatchObject(
        unopenedAt(place),
      );
      await expect(
        ask("read", { path: role("deploy"), data: {} }, { token, of: fresh }),
      ).rejects.toMatchObject(unopenedAt(place));
      expect((await ask("readPolicy", { name: "wide" }, { of: fresh })).policy).toContain("read");
    });

    test("is refused by its place where it is a token, and makes no token of it that can do more", async () => {
      const request = {
        displayName: "",
        metadata: {},
        ttlMs: 60_000,
        maxTtlMs: undefined,
        isRenewable: true,
      };
      const rest = { usesMax: undefined, isOrphan: false, isWithoutDefaultPolicy: true };
      const before = new Set((await stores.read()).keys());
      const poor = await ask("createToken", { ...request, ...rest, policies: ["none"] });
      const between = new Set((await stores.read()).keys());
      const mighty = await ask("createToken", { ...request, ...rest, policies: ["root"] });
      const isToken = (place: string) => place.includes(":token/");
      const place = await tamper(
        (place) => isToken(place) && between.has(place) && !before.has(place),
        (place) => isToken(place) && !between.has(place),
      );
      const fresh = await start();
      await expect(ask("listMounts", {}, { token: poor.token, of: fresh })).rejects.toMatchObject(
        unopenedAt(place),
      );
      expect(await ask("listMounts", {}, { token: mighty.token, of: fresh })).toHaveLength(2);
    });

    test("is refused where it is a lease, aims no deletion at another user, and stops no other lease", async () => {
      await write(role("deploy"));
      const [one, other] = [await issue(), await issue()];
      const place = await tamper(endsIn(one.id), endsIn(other.id));
      await expect(ask("renewLease", { leaseId: one.id, incrementMs: undefined })).rejects.toMatchObject(
        unopenedAt(place),
      );
      expect(await ask("lookupLease", { leaseId: one.id })).toMatchObject({
        state: "active",
        lastError: expect.stringContaining("does not open"),
      });
      const alive = vendor.alive();
      await expect(ask("revokeLease", { leaseId: one.id })).rejects.toMatchObject({
        code: "REVOCATION_PENDING",
        details: expect.objectContaining({ stored_at: place }),
      });
      expect(vendor.alive()).toEqual(alive);
      const { leases } = await ask("listLeases", { prefix: "", pageSize: 0, pageToken: "", states: [] });
      expect(leases.map(({ id }) => id).sort()).toEqual([one.id, other.id].sort());
      expect(leases.find(({ id }) => id === one.id)?.lastError).toContain("does not open");
      await ask("revokeLease", { leaseId: other.id });
      expect(vendor.alive()).toHaveLength(alive.length - 1);
      await expect(ask("revokeLease", { leaseId: one.id })).rejects.toMatchObject({
        code: "REVOCATION_PENDING",
      });
      expect(vendor.alive()).toHaveLength(alive.length - 1);
    });

    test("is refused by its place where it is a mount, and the other mounts answer", async () => {
      await write("second/roles/x");
      const place = await tamper(endsIn("mount:scripted"), endsIn("mount:second"));
      const fresh = await start();
      await expect(ask("read", { path: role("deploy"), data: {} }, { of: fresh })).rejects.toMatchObject(
        unopenedAt(place),
      );
      expect((await ask("read", { path: "second/roles/x", data: {} }, { of: fresh })).data).toBeDefined();
      expect(await ask("list", { path: "scripted/roles/" })).toEqual({ keys: [] });
    });

    test("says go to nobody where it is the operators' mark", async () => {
      await ask("operatorResume", {});
      await tamper(endsIn("operator"), endsIn("mount:second"));
      expect((await ask("operatorResume", {})).due).toBe(0);
      expect(unopened).toContain("operator");
    });
  });
}
