import { timestampMs } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { lease } from "./fake-handle.ts";
import { clientsOf, protocols, type RunningServers, runServers } from "./running-servers.ts";

let running: RunningServers;
beforeAll(async () => {
  running = await runServers();
});
afterAll(() => running.servers.close());

describe.each(protocols)("over %s", (protocol) => {
  test("Status tells whether the server only observes and why, and Resume how many leases are due", async () => {
    const { operator } = clientsOf(running, protocol);
    running.fake.answers.operatorStatus = () => ({
      isObserveOnly: true,
      reasons: ["Redis is empty."],
      observingSinceMs: lease.issuedAtMs,
      wouldRevoke: 3,
      wouldRevokeIds: [lease.id],
    });
    const observing = await operator.status({});
    expect(observing).toMatchObject({
      observeOnly: true,
      reasons: ["Redis is empty."],
      wouldRevoke: 3n,
      wouldRevokeIds: [lease.id],
    });
    expect(observing.observingSince && timestampMs(observing.observingSince)).toBe(lease.issuedAtMs);
    running.fake.answers.operatorStatus = () => ({
      isObserveOnly: false,
      reasons: [],
      observingSinceMs: undefined,
      wouldRevoke: 0,
      wouldRevokeIds: [],
    });
    const working = await operator.status({});
    expect(working).toMatchObject({ observeOnly: false, reasons: [], wouldRevoke: 0n });
    expect(working.observingSince).toBeUndefined();
    running.fake.answers.operatorResume = () => ({ due: 7 });
    expect((await operator.resume({}, { headers: { authorization: "Bearer lh.token" } })).due).toBe(7n);
    expect(running.fake.asked.at(-1)).toMatchObject({
      operation: "operatorResume",
      context: { token: "lh.token" },
    });
  });

  test("Rotate tells which data key is active, and Rekey hands the new root key over and tells what is next", async () => {
    const { operator } = clientsOf(running, protocol);
    running.fake.answers.rotateKeyring = () => ({ term: 3, activeSinceMs: lease.issuedAtMs });
    const rotated = await operator.rotate({});
    expect(rotated.term).toBe(3);
    expect(rotated.activeSince && timestampMs(rotated.activeSince)).toBe(lease.issuedAtMs);
    running.fake.answers.rekeyKeyring = () => ({ rekeyedAtMs: lease.issuedAtMs, warnings: ["Restart."] });
    const newRootKey = new Uint8Array(32).fill(5);
    const rekeyed = await operator.rekey({ newRootKey });
    expect(rekeyed.warnings).toEqual(["Restart."]);
    expect(rekeyed.rekeyedAt && timestampMs(rekeyed.rekeyedAt)).toBe(lease.issuedAtMs);
    expect(running.fake.asked.at(-1)).toMatchObject({ operation: "rekeyKeyring" });
    await expect(operator.rekey({ newRootKey: new Uint8Array(31).fill(7) })).rejects.toMatchObject({
      code: Code.InvalidArgument,
      message: expect.not.stringContaining("BwcH"),
    });
  });
});
