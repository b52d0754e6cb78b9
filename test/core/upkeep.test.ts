import { describe, expect, test } from "vitest";
import type { Mount } from "../../src/core/mount.ts";
import type { MountTable } from "../../src/core/mount-table.ts";
import type { Telemetry } from "../../src/core/telemetry.ts";
import { createUpkeep } from "../../src/core/upkeep.ts";
import { createManualClock, settle } from "../kit/manual-clock.ts";

function scene(mounts: Readonly<Record<string, { upkeep?: () => Promise<void>; state?: string }>>) {
  const failures: string[] = [];
  const all = Object.entries(mounts).map(([path, { upkeep, state = "mounted" }]) => ({
    path,
    record: { accessor: path, state },
    backend: { paths: [], secretTypes: [], ...(upkeep ? { upkeep } : {}) },
  }));
  const table: Pick<MountTable, "all"> = { all: () => all as unknown as readonly Mount[] };
  const telemetry: Pick<Telemetry, "backgroundFailed"> = { backgroundFailed: (what) => failures.push(what) };
  const clock = createManualClock();
  const options = { mounts: table as MountTable, clock, telemetry: telemetry as Telemetry };
  return { upkeep: createUpkeep(options), failures, clock };
}

describe("a round of upkeep", () => {
  test("asks every backend that has some, and tells of the one that fails by its mount", async () => {
    const asked: string[] = [];
    const { upkeep, failures } = scene({
      a: { upkeep: async () => void asked.push("a") },
      b: { upkeep: async () => Promise.reject(new Error("No.")) },
      c: {},
      d: { upkeep: async () => void asked.push("d"), state: "unmounting" },
    });
    upkeep.round();
    await settle();
    await upkeep.stop();
    expect(asked).toEqual(["a"]);
    expect(failures).toEqual(['upkeep of mount "b"']);
  });

  test("leaves out a mount whose last round goes on", async () => {
    let rounds = 0;
    const going = Promise.withResolvers<void>();
    const { upkeep } = scene({
      a: {
        upkeep: () => {
          rounds += 1;
          return going.promise;
        },
      },
    });
    upkeep.round();
    upkeep.round();
    expect(rounds).toBe(1);
    going.resolve();
    await upkeep.stop();
  });
});
