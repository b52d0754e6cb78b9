import { randomBytes } from "node:crypto";
import { beforeEach, describe, expect, it } from "vitest";
import type { Storage } from "../../src/core/storage.ts";

/** A storage under test, with no mount records and no keyring, and how it learns of a mount's state. */
export interface StorageUnderTest {
  readonly storage: Storage;
  setMountState(accessor: string, state: "mounted" | "unmounting"): Promise<void>;
  /** The epoch of a mount, of the lease store beside this storage. */
  epoch(accessor: string): Promise<number>;
}

const bytes = (text: string) => new Uint8Array(Buffer.from(text));

/** What every storage keeps to; runs against the one in memory and the one on Redis. */
export function storageConformance(name: string, make: () => Promise<StorageUnderTest>): void {
  describe(`${name} as a storage`, () => {
    let storage: Storage;
    let setMountState: StorageUnderTest["setMountState"];
    let epoch: () => Promise<number>;
    let accessor: string;

    beforeEach(async () => {
      const made = await make();
      storage = made.storage;
      setMountState = (...change) => made.setMountState(...change);
      epoch = () => made.epoch(accessor);
      accessor = `kv_${randomBytes(4).toString("hex")}`;
      await setMountState(accessor, "mounted");
    });

    describe("get(), put() and delete()", () => {
      it("keep bytes of any value under a path", async () => {
        const value = Uint8Array.from({ length: 1000 }, (_, i) => i % 256);
        expect(await storage.get(accessor, "roles/é")).toBeUndefined();
        expect(await storage.put(accessor, "roles/é", value)).toBe(true);
        expect(await storage.get(accessor, "roles/é")).toEqual(value);
        expect(await storage.put(accessor, "roles/é", new Uint8Array())).toBe(true);
        expect(await storage.get(accessor, "roles/é")).toEqual(new Uint8Array());
      });

      it("keep the entries of mounts apart", async () => {
        await setMountState(`${accessor}x`, "mounted");
        await storage.put(accessor, "a", bytes("1"));
        expect(await storage.get(`${accessor}x`, "a")).toBeUndefined();
      });

      it("delete an entry once", async () => {
        await storage.put(accessor, "a", bytes("1"));
        expect(await storage.delete(accessor, "a")).toBe(true);
        expect(await storage.delete(accessor, "a")).toBe(false);
        expect(await storage.get(accessor, "a")).toBeUndefined();
        expect(await storage.list(accessor, "", { after: "", limit: 10 })).toEqual([]);
      });

      it("write a new entry only where there is none, when told so", async () => {
        expect(await storage.put(accessor, "a", bytes("1"), { expected: null })).toBe(true);
        expect(await storage.put(accessor, "a", bytes("2"), { expected: null })).toBe(false);
        expect(await storage.get(accessor, "a")).toEqual(bytes("1"));
      });

      it("write over an entry only where it is as expected, when told so", async () => {
        expect(await storage.put(accessor, "a", bytes("1"), { expected: bytes("0") })).toBe(false);
        await storage.put(accessor, "a", bytes("1"));
        expect(await storage.put(accessor, "a", bytes("2"), { expected: bytes("0") })).toBe(false);
        expect(await storage.put(accessor, "a", bytes("2"), { expected: bytes("1") })).toBe(true);
        expect(await storage.get(accessor, "a")).toEqual(bytes("2"));
      });

      it("lose no write of many at once", async () => {
        const increase = async (): Promise<void> => {
          const current = await storage.get(accessor, "n");
          const next = new Uint8Array([(current?.[0] ?? 0) + 1]);
          if (!(await storage.put(accessor, "n", next, { expected: current ?? null }))) await increase();
        };
        await Promise.all(Array.from({ length: 8 }, increase));
        expect(await storage.get(accessor, "n")).toEqual(new Uint8Array([8]));
      });

      it("raise the epoch of the mount with every change, and with nothing else", async () => {
        const before = await epoch();
        await storage.put(accessor, "a", bytes("1"));
        await storage.put(accessor, "a", bytes("2"), { expected: bytes("0") });
        await storage.get(accessor, "a");
        expect((await epoch()) - before).toBe(1);
        await storage.delete(accessor, "a");
        await storage.delete(accessor, "a");
        expect((await epoch()) - before).toBe(2);
      });

      it("refuse to change a mount that is going away, and still read it", async () => {
        await storage.put(accessor, "a", bytes("1"));
        await setMountState(accessor, "unmounting");
        const refusal = { code: "MOUNT_UNMOUNTING" };
        await expect(storage.put(accessor, "a", bytes("2"))).rejects.toMatchObject(refusal);
        await expect(storage.delete(accessor, "a")).rejects.toMatchObject(refusal);
        expect(await storage.get(accessor, "a")).toEqual(bytes("1"));
      });

      it("write on a mount that is going away what a revocation has to keep", async () => {
        await storage.put(accessor, "a", bytes("1"));
        await setMountState(accessor, "unmounting");
        const kept = { whileUnmounting: true };
        expect(await storage.put(accessor, "a", bytes("2"), { ...kept, expected: bytes("1") })).toBe(true);
        expect(await storage.put(accessor, "a", bytes("3"), { ...kept, expected: bytes("1") })).toBe(false);
        expect(await storage.put(accessor, "b", bytes("4"), { ...kept, expected: null })).toBe(true);
        expect(await storage.get(accessor, "a")).toEqual(bytes("2"));
      });

      it("refuse to change a mount that is not there", async () => {
        const refusal = { code: "MOUNT_UNMOUNTING" };
        await expect(storage.put("kv_nowhere", "a", bytes("2"))).rejects.toMatchObject(refusal);
        const kept = { whileUnmounting: true };
        await expect(storage.put("kv_nowhere", "a", bytes("2"), kept)).rejects.toMatchObject(refusal);
        await expect(storage.delete("kv_nowhere", "a")).rejects.toMatchObject(refusal);
      });
    });

    describe("list()", () => {
      const fill = async (paths: readonly string[]) => {
        for (const path of paths) await storage.put(accessor, path, bytes("v"));
      };
      const list = (folder: string, after = "", limit = 100) =>
        storage.list(accessor, folder, { after, limit });

      it("names what is directly under a folder, a folder with a slash, in the order of bytes", async () => {
        await fill(["b/1", "b/2/x", "b", "b-c", "b0", "a", "é/x", "\u{1f511}", "config/root"]);
        expect(await list("")).toEqual(["a", "b", "b-c", "b/", "b0", "config/", "é/", "\u{1f511}"]);
        expect(await list("b/")).toEqual(["1", "2/"]);
        expect(await list("b/2/")).toEqual(["x"]);
        expect(await list("é/")).toEqual(["x"]);
        expect(await list("nothing/")).toEqual([]);
      });

      it("goes on after a name, be it a folder or not", async () => {
        await fill(["b/1", "b/2/x", "b", "b-c", "b0", "a"]);
        const names = ["a", "b", "b-c", "b/", "b0"];
        for (const [i, after] of names.entries()) expect(await list("", after)).toEqual(names.slice(i + 1));
        expect(await list("b/", "1")).toEqual(["2/"]);
        expect(await list("", "", 2)).toEqual(["a", "b"]);
        expect(await list("", "b", 2)).toEqual(["b-c", "b/"]);
      });

      it("names each of many entries once", async () => {
        const flat = Array.from({ length: 130 }, (_, i) => `flat${String(i).padStart(3, "0")}`);
        const deep = Array.from({ length: 130 }, (_, i) => `deep/${i}`);
        await fill([...flat, ...deep]);
        expect(await list("", "", 1000)).toEqual(["deep/", ...flat]);
        expect(await list("deep/", "", 1000)).toHaveLength(130);
      });

      it("refuses a folder without a slash at its end", async () => {
        await expect(list("b")).rejects.toThrow("slash");
      });
    });

    describe("clear()", () => {
      it("removes every entry of one mount, and can be run twice", async () => {
        await setMountState(`${accessor}x`, "mounted");
        await storage.put(`${accessor}x`, "a", bytes("1"));
        await Promise.all(
          Array.from({ length: 40 }, (_, i) => storage.put(accessor, `roles/${i}`, bytes("1"))),
        );
        for (let run = 0; run < 2; run++) await storage.clear(accessor);
        expect(await storage.list(accessor, "", { after: "", limit: 10 })).toEqual([]);
        expect(await storage.get(accessor, "roles/1")).toBeUndefined();
        expect(await storage.get(`${accessor}x`, "a")).toEqual(bytes("1"));
      });
    });

    describe("the operator's mark", () => {
      it("is written only where it is as expected", async () => {
        const [first, second] = [new Uint8Array(randomBytes(80)), new Uint8Array(randomBytes(80))];
        const before = (await storage.readOperatorMark()) ?? null;
        expect(await storage.writeOperatorMark(first, second)).toBe(false);
        expect(await storage.writeOperatorMark(first, before)).toBe(true);
        expect(await storage.writeOperatorMark(second, null)).toBe(false);
        expect(await storage.readOperatorMark()).toEqual(first);
        expect(await storage.writeOperatorMark(second, first)).toBe(true);
        expect(await storage.readOperatorMark()).toEqual(second);
      });
    });

    describe("mount records", () => {
      it("are added, replaced and removed only where they are as expected", async () => {
        const [first, second] = [new Uint8Array(randomBytes(80)), new Uint8Array(randomBytes(80))];
        expect(await storage.writeMount("aws/", first, second)).toBe(false);
        expect(await storage.writeMount("aws/", first, null)).toBe(true);
        expect(await storage.writeMount("aws/", second, null)).toBe(false);
        expect(await storage.writeMount("aws/", second, first)).toBe(true);
        await storage.writeMount("kv/é/", first, null);
        expect(await storage.readMounts()).toEqual(
          new Map([
            ["aws/", second],
            ["kv/é/", first],
          ]),
        );
        expect(await storage.writeMount("aws/", null, first)).toBe(false);
        expect(await storage.writeMount("aws/", null, second)).toBe(true);
        expect([...(await storage.readMounts()).keys()]).toEqual(["kv/é/"]);
        expect(await storage.writeMount("kv/é/", null, first)).toBe(true);
        expect(await storage.readMounts()).toEqual(new Map());
      });
    });

    describe("the keyring", () => {
      it("is stored once, and never over another", async () => {
        const keyring = new Uint8Array(randomBytes(60));
        expect(await storage.readKeyring()).toBeUndefined();
        expect(await storage.createKeyring(keyring)).toBe(true);
        expect(await storage.createKeyring(new Uint8Array(randomBytes(60)))).toBe(false);
        expect(await storage.readKeyring()).toEqual(keyring);
      });

      it("is replaced only where it is as expected, and may be replaced by the same again", async () => {
        const [first, second, third] = [1, 2, 3].map(() => new Uint8Array(randomBytes(60)));
        if (!first || !second || !third) throw new Error("There are three.");
        expect(await storage.replaceKeyring(second, first)).toBe(false);
        expect(await storage.readKeyring()).toBeUndefined();
        await storage.createKeyring(first);
        expect(await storage.replaceKeyring(third, second)).toBe(false);
        expect(await storage.replaceKeyring(second, first)).toBe(true);
        expect(await storage.replaceKeyring(second, first)).toBe(true);
        expect(await storage.replaceKeyring(third, first)).toBe(false);
        expect(await storage.readKeyring()).toEqual(second);
      });

      it("has what is sealed under each of its terms counted", async () => {
        const term = randomBytes(3).readUIntBE(0, 3);
        expect(await storage.countSeals(term, 5)).toBe(5);
        expect(await storage.countSeals(term, 2 ** 31)).toBe(2 ** 31 + 5);
        expect(await storage.countSeals(term + 1, 1)).toBe(1);
      });
    });
  });
}
