import { describe, expect, test } from "vitest";
import { normalizeMountPath, normalizeRequestPath, pathBytesMax } from "../../src/core/request-path.ts";

describe("normalizeRequestPath()", () => {
  test.each([
    ["aws", "aws"],
    ["aws/", "aws"],
    ["aws/creds/deploy", "aws/creds/deploy"],
    ["aws/creds/a b", "aws/creds/a b"],
    ["kv/ünï/…", "kv/ünï/…"],
    ["kv/...", "kv/..."],
    ["a".repeat(pathBytesMax), "a".repeat(pathBytesMax)],
  ])("takes %j", (path, normalized) => {
    expect(normalizeRequestPath(path)).toBe(normalized);
  });

  test.each([
    ["", "is empty"],
    ["/", "is empty"],
    ["//", "has an empty segment"],
    ["/aws", "has an empty segment"],
    ["aws//creds", "has an empty segment"],
    ["aws/creds//", "has an empty segment"],
    [".", 'has a segment "."'],
    ["aws/../kv", 'has a segment ".."'],
    ["aws/./kv/", 'has a segment "."'],
    ["aws/\n", "holds control characters"],
    ["aws/\u0000", "holds control characters"],
    ["aws/\u0085x", "holds control characters"],
    ["aws/\u2028x", "holds control characters"],
    ["a".repeat(pathBytesMax + 1), "is 1025 bytes long; 1024 are allowed."],
    ["ü".repeat(513), "is 1026 bytes long"],
  ])("refuses %j", (path, problem) => {
    expect(() => normalizeRequestPath(path)).toThrow(
      expect.objectContaining({ code: "INVALID_PATH", message: expect.stringContaining(problem) }),
    );
  });

  test("shows a long path cut, with its control characters escaped", () => {
    expect(() => normalizeRequestPath(`a\u001b[2J${"b".repeat(2000)}`)).toThrow(
      /^The path "a\\u001b\[2Jb{100,}\.\.\." /,
    );
  });
});

describe("normalizeMountPath()", () => {
  test("takes a path of more than one segment", () => {
    expect(normalizeMountPath("team/aws/")).toBe("team/aws");
  });

  test.each(["sys", "sys/x", "auth", "auth/"])("refuses %j, which is reserved", (path) => {
    expect(() => normalizeMountPath(path)).toThrow("which is reserved. Mount at another path.");
  });

  test.each(["system", "x/sys"])("takes %j, which only looks reserved", (path) => {
    expect(normalizeMountPath(path)).toBe(path);
  });

  test("refuses more than 256 bytes", () => {
    expect(() => normalizeMountPath("a".repeat(257))).toThrow("is 257 bytes long; 256 are allowed.");
  });
});
