import { describe, expect, it } from "vitest";
import {
  type AwsFailureKind,
  coreErrorOf,
  failureOfAnswer,
  failureOfConnection,
} from "../../../src/backends/aws/aws-failure.ts";
import { readXml } from "../../../src/backends/aws/query-xml.ts";

/** An error as IAM and STS word it. */
const errorXml = (code: string, message = "Said by AWS.") =>
  `<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type><Code>${code}</Code>` +
  `<Message>${message}</Message></Error><RequestId>7a62c49f</RequestId></ErrorResponse>`;
const failureOf = (status: number, body: string) =>
  failureOfAnswer({ status, root: readXml(body), requestId: "from-the-header" });

describe("classifying an answer that is no success", () => {
  it.each<[string, number, AwsFailureKind]>([
    ["NoSuchEntity", 404, "absent"],
    ["NoSuchEntityException", 404, "absent"],
    ["EntityAlreadyExists", 409, "exists"],
    ["DeleteConflictException", 409, "conflict"],
    ["Throttling", 400, "throttled"],
    ["ThrottlingException", 400, "throttled"],
    ["Throttling", 503, "throttled"],
    ["ConcurrentModification", 409, "throttled"],
    ["EntityTemporarilyUnmodifiableException", 409, "throttled"],
    ["Whatever", 429, "throttled"],
    ["LimitExceeded", 409, "refused"],
    ["LimitExceededException", 409, "refused"],
    ["AccessDenied", 403, "refused"],
    ["MalformedPolicyDocument", 400, "refused"],
    ["constructor", 400, "refused"],
    ["ServiceFailure", 500, "unknown"],
    ["RequestTimeout", 400, "unknown"],
    ["Whatever", 503, "unknown"],
    ["Whatever", 301, "unknown"],
  ])("takes %s with status %s as %s", (code, status, kind) => {
    expect(failureOf(status, errorXml(code))).toMatchObject({
      kind,
      code: code.replace(/Exception$/, ""),
      message: "Said by AWS.",
      requestId: "7a62c49f",
    });
  });

  it("finds an error among several", () => {
    const body = "<Response><Errors><Error><Code>Throttling</Code></Error></Errors></Response>";
    expect(failureOf(400, body)).toMatchObject({ kind: "throttled", message: "Throttling" });
  });

  it.each<[string, number, string, AwsFailureKind]>([
    ["a page", 403, "<html><body>Go away.<br></body></html>", "unknown"],
    ["JSON", 400, '{"__type":"AccessDenied","message":"no"}', "unknown"],
    ["nothing", 404, "", "unknown"],
    ["XML without a code", 400, "<ErrorResponse><Error/></ErrorResponse>", "unknown"],
    ["a page of a limit", 429, "<h1>Slow down", "throttled"],
  ])("says nothing about the outcome where something on the way answers %s", (_, status, body, kind) => {
    expect(failureOf(status, body)).toMatchObject({
      kind,
      code: `HttpStatus${status}`,
      message: `The answer, of status ${status}, is not one of AWS.`,
      requestId: "from-the-header",
    });
  });

  it("keeps one line of what AWS said", () => {
    const failure = failureOf(
      403,
      errorXml("SignatureDoesNotMatch", "It differs.\n\nThe canonical&#13; string"),
    );
    expect(coreErrorOf(failure, "create it").message).toBe(
      "Cannot create it: AWS refused it with SignatureDoesNotMatch: It differs.",
    );
  });
});

describe("classifying what cut a call short", () => {
  it("tells it by the system's code, without its cause", () => {
    const failure = failureOfConnection(Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" }));
    expect(failure).toMatchObject({ kind: "unknown", code: "ECONNRESET", message: "read ECONNRESET" });
    expect(failure.cause).toBeUndefined();
  });

  it("tells it by its name where there is no code, and by its code where there are no words", () => {
    expect(failureOfConnection(new TypeError("Odd."))).toMatchObject({ code: "TypeError", message: "Odd." });
    const refused = Object.assign(new AggregateError([]), { code: "ECONNREFUSED" });
    expect(failureOfConnection(refused)).toMatchObject({ kind: "unknown", message: "ECONNREFUSED" });
  });
});
