import { describe, expect, it } from "vitest";
import { parseResumeToken, resumeTokenOf } from "../../src/core/resume-token.ts";

const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

describe("a resume token", () => {
  it("gives the place back that it was made of", () => {
    const positions = new Map([
      ["aws_0a1b2c3d4e5f", "1767225600000-17"],
      ["aws_ffffffffffff", ""],
    ]);
    const token = resumeTokenOf({ positions, soonUpToMs: 1_767_225_660_000 });
    expect(token).toMatch(/^[\w-]+$/);
    expect(parseResumeToken(token)).toEqual({ positions, soonUpToMs: 1_767_225_660_000 });
  });

  it("fits what the wire takes, for as many mounts as there can be", () => {
    const positions = new Map(
      Array.from({ length: 1000 }, (_, at) => [
        `aws_${String(at).padStart(12, "0")}`,
        "1767225600000-1000000",
      ]),
    );
    const token = resumeTokenOf({ positions, soonUpToMs: 1_767_225_660_000 });
    expect(token.length).toBeLessThanOrEqual(65_536);
    expect(parseResumeToken(token).positions.size).toBe(1000);
  });

  it.each([
    ["no base64", "?!"],
    ["no JSON", Buffer.from("{").toString("base64url")],
    ["an object", encoded({})],
    ["too few parts", encoded([1])],
    ["a time that is a text", encoded(["1", {}])],
    ["a time before 1970", encoded([-1, {}])],
    ["positions in a list", encoded([1, []])],
    ["no positions", encoded([1, null])],
    ["a position that is a number", encoded([1, { aws_1: 5 }])],
    ["a position that no store has", encoded([1, { aws_1: "$" }])],
    ["an accessor that no mount has", encoded([1, { "a}b{": "1-1" }])],
    [
      "more mounts than there can be",
      encoded([1, Object.fromEntries(Array.from({ length: 1001 }, (_, at) => [`a${at}`, ""]))]),
    ],
    ["too long a token", "A".repeat(65_537)],
  ])("is refused where it is %s", (_what, token) => {
    expect(() => parseResumeToken(token)).toThrow(
      expect.objectContaining({ code: "INVALID_FIELD", details: { field: "resume_token" } }),
    );
  });
});
