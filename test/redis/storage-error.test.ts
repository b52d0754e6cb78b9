import { describe, expect, it } from "vitest";
import { CoreError } from "../../src/core/errors.ts";
import { isPassing, messageOf, storageUnavailable } from "../../src/redis/storage-error.ts";

function refusal(message: string): Error {
  return Object.assign(new Error(message), { name: "ReplyError" });
}

describe("storageUnavailable()", () => {
  it.each([
    [refusal("OOM command not allowed when used memory > 'maxmemory'."), "Redis is full.", "OOM"],
    [refusal("READONLY You can't write against a read only replica."), "it is a replica", "READONLY"],
    [refusal("LOADING Redis is loading the dataset in memory"), "still loading", "LOADING"],
    [refusal("MISCONF Redis is configured to save RDB snapshots"), "cannot save", "MISCONF"],
    [refusal("ERR unknown command 'x'"), "Redis refuses.", "ERR"],
    [refusal("-TRYAGAIN Multiple keys request during rehashing of slot"), "Try again", "TRYAGAIN"],
    [new Error("Command timed out"), "does not answer", undefined],
    [new Error("connect ECONNREFUSED 127.0.0.1:6379"), "cannot be reached", undefined],
    ["thrown as a text", "cannot be reached", undefined],
  ])("says of %s: %s", (error, said, code) => {
    const made = storageUnavailable(error);
    expect(made).toMatchObject({ code: "STORAGE_UNAVAILABLE", message: expect.stringContaining(said) });
    expect(made.details["redis_error"]).toBe(code);
  });

  it("leaves a CoreError as it is", () => {
    const error = new CoreError("MOUNT_UNMOUNTING", "Going away.");
    expect(storageUnavailable(error)).toBe(error);
  });

  it("keeps nothing of the command that failed", () => {
    const error = Object.assign(refusal("WRONGPASS invalid username-password pair"), {
      command: { name: "auth", args: ["hunter2"] },
    });
    expect(Object.keys(storageUnavailable(error).cause ?? {})).toEqual([]);
  });
});

describe("messageOf()", () => {
  it("hides the credentials of a URL", () => {
    expect(messageOf(new Error("no host at redis://user:hunter2@host:1/0"))).toBe(
      "no host at redis://***@host:1/0",
    );
    expect(messageOf("rediss+cluster://:hunter2@a:1,b:2")).toBe("rediss+cluster://***@a:1,b:2");
    expect(messageOf("redis+sentinel://u:hunter2@a/m?sentinel_password=hunter3&x=1")).toBe(
      "redis+sentinel://***@a/m?sentinel_password=***&x=1",
    );
  });
});

describe("isPassing()", () => {
  it("knows the refusals of a cluster that is changing", () => {
    for (const word of ["TRYAGAIN", "CLUSTERDOWN", "MOVED", "ASK"])
      expect(isPassing(refusal(`${word} x`))).toBe(true);
    for (const error of [refusal("OOM x"), refusal("ERR TRYAGAIN"), new Error("TRYAGAIN x")]) {
      expect(isPassing(error)).toBe(false);
    }
  });
});
