import { beforeEach, describe, expect, it } from "vitest";
import {
  createHeadRoomGuard,
  defaultUserHeadRoom,
  type HeadRoomGuard,
} from "../../../../src/backends/aws/pacing/head-room.ts";
import type { ReadUserRoom, UserRoom } from "../../../../src/backends/aws/pacing/user-room.ts";
import { awsFailure } from "../../../kit/fake-iam.ts";
import { createManualClock, type ManualClock } from "../../../kit/manual-clock.ts";
import {
  type RecordedVendorTelemetry,
  recordVendorTelemetry,
} from "../../../kit/recorded-vendor-telemetry.ts";

let clock: ManualClock;
let telemetry: RecordedVendorTelemetry;
let guard: HeadRoomGuard;
let room: UserRoom;
let failure: Error | undefined;
let asked: number;

beforeEach(() => {
  clock = createManualClock();
  telemetry = recordVendorTelemetry();
  guard = createHeadRoomGuard({ clock, telemetry });
  room = { count: 4000, quota: 5000 };
  failure = undefined;
  asked = 0;
});

const read: ReadUserRoom = async () => {
  asked += 1;
  if (failure) throw failure;
  return room;
};
const claim = (headRoom?: number) => guard.claim({ account: "111122223333", read, headRoom });

describe("The head-room guard", () => {
  it("asks once a minute, whoever issues meanwhile", async () => {
    await Promise.all([claim(), claim(), claim()]);
    await clock.advance(59_000);
    await claim();
    expect(asked).toBe(1);
    await clock.advance(1000);
    await claim();
    expect(asked).toBe(2);
    expect(telemetry.toldOf("headRoom ")).toHaveLength(2);
  });

  it("refuses below the quota, by its margin, and says with which numbers", async () => {
    room = { count: 5000 - defaultUserHeadRoom, quota: 5000 };
    await expect(claim()).rejects.toMatchObject({
      code: "LIMIT_EXCEEDED",
      message:
        "Cannot issue: AWS account 111122223333 has 4950 users of the 5000 that it may have, and 50 are left free. " +
        "Revoke leases that are not needed, shorten TTLs, or spread roles over more accounts.",
      details: { account: "111122223333", users: "4950", quota: "5000", user_headroom: "50" },
    });
    await expect(claim(49)).resolves.toBeUndefined();
  });

  it("counts what it has let through since it asked", async () => {
    room = { count: 4948, quota: 5000 };
    await claim();
    await claim();
    await expect(claim()).rejects.toMatchObject({ details: { users: "4950" } });
    expect(asked).toBe(1);
  });

  it("asks again before it refuses by a count that is some seconds old", async () => {
    room = { count: 4949, quota: 5000 };
    await claim();
    room = { count: 4000, quota: 5000 };
    await expect(claim()).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
    await clock.advance(5000);
    await claim();
    expect(asked).toBe(2);
  });

  it("lets everything through where the permission is missing, and says so once", async () => {
    failure = awsFailure("refused", "AccessDenied", "Not authorized to perform iam:GetAccountSummary.");
    for (let minute = 0; minute < 30; minute++) {
      await claim();
      await clock.advance(60_000);
    }
    expect(asked).toBe(3);
    expect(telemetry.toldOf("headRoomUnknown")).toEqual([
      "headRoomUnknown 111122223333 AccessDenied: Not authorized to perform iam:GetAccountSummary.",
    ]);
  });

  it("goes by the last count where AWS gives no other for a while, and lets go of one that is too old", async () => {
    room = { count: 4949, quota: 5000 };
    await claim();
    failure = awsFailure("throttled", "Throttling", "Rate exceeded");
    await clock.advance(60_000);
    await expect(claim()).rejects.toMatchObject({ code: "LIMIT_EXCEEDED", details: { users: "4950" } });
    expect(telemetry.toldOf("headRoomUnknown")).toHaveLength(1);
    failure = undefined;
    room = { count: 4000, quota: 5000 };
    await clock.advance(60_000);
    await claim();
    room = { count: 4950, quota: 5000 };
    await clock.advance(60_000);
    await claim();
    await expect(claim()).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
    failure = awsFailure("unknown", "ECONNRESET");
    await clock.advance(600_000);
    await claim();
  });

  it("waits three seconds at most for an answer", async () => {
    const silent: ReadUserRoom = ({ signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(awsFailure("unknown", "AbortError")));
      });
    const claimed = guard.claim({ account: "1", read: silent, headRoom: undefined });
    await clock.advanceUntil(claimed, 3000);
  });

  it("keeps the accounts apart", async () => {
    room = { count: 5000, quota: 5000 };
    await expect(claim()).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
    room = { count: 0, quota: 5000 };
    await guard.claim({ account: "999988887777", read, headRoom: undefined });
  });
});
