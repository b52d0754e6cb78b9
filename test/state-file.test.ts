import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Remembered } from "../src/core/observer-memory.ts";
import { openStateFile, StateFileError } from "../src/state-file.ts";

let dir: string;
let path: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "leasehold-state-"));
  path = join(dir, "state.json");
});
afterEach(() => rmSync(dir, { recursive: true }));

const remembered: Remembered = {
  seenAtMs: Date.parse("2026-01-02T03:04:05.678Z"),
  mounts: new Map([
    ["aws_0a1b2c3d4e5f", { path: "aws", epoch: 1042, settledEpoch: 1040, leases: 12 }],
    ["kv_ffffffffffff", { path: "team/kv", epoch: 0, settledEpoch: 0, leases: 0 }],
  ]),
};

const observingOf = (observing: string): string =>
  `{"version":1,"seenAt":"2026-01-01T00:00:00Z","mounts":{},"observing":${observing}}`;

describe("a state file", () => {
  it("holds nothing before it was written, and what was written last afterwards", async () => {
    const file = openStateFile(path);
    expect(await file.read()).toBeUndefined();
    await file.write({ seenAtMs: 0, mounts: new Map() });
    await file.write(remembered);
    expect(await file.read()).toEqual(remembered);
    expect(await openStateFile(path).read()).toEqual(remembered);
  });

  it("is readable for its owner alone, and leaves nothing beside it", async () => {
    const file = openStateFile(path);
    await file.read();
    await file.write(remembered);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(dir)).toEqual(["state.json"]);
  });

  it("is for people to read, too", async () => {
    await openStateFile(path).write(remembered);
    expect(JSON.parse(readFileSync(path, "utf8"))).toEqual({
      version: 1,
      seenAt: "2026-01-02T03:04:05.678Z",
      mounts: {
        aws_0a1b2c3d4e5f: { path: "aws", epoch: 1042, settledEpoch: 1040, leases: 12 },
        kv_ffffffffffff: { path: "team/kv", epoch: 0, settledEpoch: 0, leases: 0 },
      },
    });
  });

  it("holds that a server observes, and why, for people to read, too", async () => {
    const observing = {
      reasons: ['Mount "aws" is missing.', 'Mount "kv" is missing.'],
      sinceMs: Date.parse("2026-01-02T03:05:00.001Z"),
      resumedBeforeMs: 0,
    };
    await openStateFile(path).write({ ...remembered, observing });
    expect(await openStateFile(path).read()).toEqual({ ...remembered, observing });
    expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject({
      observing: { since: "2026-01-02T03:05:00.001Z", resumedBefore: "1970-01-01T00:00:00.000Z" },
    });
  });

  it("of a server that wrote no settled epoch allows for no loss", async () => {
    const mounts = '{"kv_1":{"path":"kv","epoch":7,"leases":1}}';
    writeFileSync(path, `{"version":1,"seenAt":"2026-01-01T00:00:00Z","mounts":${mounts}}`);
    const read = await openStateFile(path).read();
    expect(read?.mounts.get("kv_1")).toEqual({ path: "kv", epoch: 7, settledEpoch: 7, leases: 1 });
  });

  it("leaves nothing beside it where a write fails", async () => {
    mkdirSync(path);
    await expect(openStateFile(path).write(remembered)).rejects.toThrow("EISDIR");
    expect(readdirSync(dir)).toEqual(["state.json"]);
  });

  it("fits a thousand mounts with the longest paths", async () => {
    const mount = {
      path: "p".repeat(256),
      epoch: Number.MAX_SAFE_INTEGER,
      settledEpoch: 0,
      leases: 1_000_000,
    };
    const mounts = new Map(Array.from({ length: 1000 }, (_, at) => [`aws_${at}`, mount] as const));
    const file = openStateFile(path);
    await file.write({ seenAtMs: 1, mounts });
    expect((await file.read())?.mounts.size).toBe(1000);
  });

  it.each([
    ["cut off", '{"version":1,'],
    ["empty", ""],
    ["no object", "[]"],
    ["of another version", '{"version":2,"seenAt":"2026-01-01T00:00:00Z","mounts":{}}'],
    ["without a time", '{"version":1,"mounts":{}}'],
    ["with a time that is none", '{"version":1,"seenAt":"soon","mounts":{}}'],
    ["without mounts", '{"version":1,"seenAt":"2026-01-01T00:00:00Z"}'],
    [
      "with an epoch that is a text",
      '{"version":1,"seenAt":"2026-01-01T00:00:00Z","mounts":{"a":{"path":"a","epoch":"1","leases":0}}}',
    ],
    [
      "with an epoch below zero",
      '{"version":1,"seenAt":"2026-01-01T00:00:00Z","mounts":{"a":{"path":"a","epoch":-1,"leases":0}}}',
    ],
    [
      "with a settled epoch that is a text",
      '{"version":1,"seenAt":"2026-01-01T00:00:00Z","mounts":{"a":{"path":"a","epoch":1,"settledEpoch":"1","leases":0}}}',
    ],
    ["with a mount that is null", '{"version":1,"seenAt":"2026-01-01T00:00:00Z","mounts":{"a":null}}'],
    ["with observing that is null", observingOf("null")],
    ["with observing without reasons", observingOf('{"since":"2026-01-01T00:00:00Z"}')],
    ["with observing without times", observingOf('{"reasons":[],"since":"2026-01-01T00:00:00Z"}')],
    [
      "with observing for reasons that are no texts",
      observingOf('{"reasons":[1],"since":"2026-01-01T00:00:00Z","resumedBefore":"2026-01-01T00:00:00Z"}'),
    ],
    ["far too large", " ".repeat(1024 * 1024 + 1)],
  ])("is refused with a sentence where it is %s", async (_what, text) => {
    writeFileSync(path, text);
    const reading = openStateFile(path).read();
    await expect(reading).rejects.toThrow(StateFileError);
    await expect(reading).rejects.toThrow(/state\.json" \(LEASEHOLD_STATE_FILE\) is .*\. .*Put it right/);
  });

  it("is refused where its folder is not there, or is a file, and where it is a folder itself", async () => {
    for (const bad of [join(dir, "none", "state.json"), dir]) {
      await expect(openStateFile(bad).read()).rejects.toThrow(StateFileError);
    }
    writeFileSync(path, "");
    await expect(openStateFile(join(path, "state.json")).read()).rejects.toThrow(StateFileError);
  });
});
