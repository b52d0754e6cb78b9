import { describe, expect, it } from "vitest";
import { type AwsFailureKind, classifyAwsError, coreErrorOf } from "../../../src/backends/aws/aws-failure.ts";

const sdkError = (name: string, status: number | undefined, more: object = {}) =>
  Object.assign(
    new Error("Said by AWS."),
    { name, ...more },
    status && { $metadata: { httpStatusCode: status } },
  );

describe("classifying what the SDK threw", () => {
  it.each<[string, number | undefined, AwsFailureKind]>([
    ["NoSuchEntity", 404, "absent"],
    ["NoSuchEntityException", 404, "absent"],
    ["EntityAlreadyExists", 409, "exists"],
    ["DeleteConflictException", 409, "conflict"],
    ["Throttling", 400, "throttled"],
    ["ThrottlingException", 400, "throttled"],
    ["ConcurrentModification", 409, "throttled"],
    ["EntityTemporarilyUnmodifiableException", 409, "throttled"],
    ["Whatever", 429, "throttled"],
    ["LimitExceeded", 409, "refused"],
    ["LimitExceededException", 409, "refused"],
    ["AccessDenied", 403, "refused"],
    ["MalformedPolicyDocument", 400, "refused"],
    ["ServiceFailure", 500, "unknown"],
    ["Whatever", 503, "unknown"],
    ["SyntaxError", 200, "unknown"],
    ["TimeoutError", undefined, "unknown"],
    ["AbortError", undefined, "unknown"],
  ])("takes %s with status %s as %s", (name, status, kind) => {
    expect(classifyAwsError(sdkError(name, status))).toMatchObject({
      kind,
      code: name.replace(/Exception$/, ""),
    });
  });

  it("tells a network error by the system's code", () => {
    expect(classifyAwsError(sdkError("Error", undefined, { code: "ECONNRESET" }))).toMatchObject({
      kind: "unknown",
      code: "ECONNRESET",
    });
  });

  it("keeps one line of what AWS said", () => {
    const error = Object.assign(sdkError("SignatureDoesNotMatch", 403), {
      message: "It differs.\n\nThe canonical…",
    });
    expect(coreErrorOf(classifyAwsError(error), "create it").message).toBe(
      "Cannot create it: AWS refused it with SignatureDoesNotMatch: It differs.",
    );
  });
});
