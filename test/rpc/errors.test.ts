import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ErrorReason } from "../../gen/leasehold/v1/errors_pb.ts";
import { CoreError, type ErrorCode } from "../../src/core/errors.ts";
import { errorTable, toWireError } from "../../src/rpc/errors.ts";
import { clientsOf, failureOf, protocols, type RunningServers, runServers } from "./running-servers.ts";

const errorCodes = Object.keys(errorTable) as ErrorCode[];

let running: RunningServers;
beforeAll(async () => {
  running = await runServers();
});
afterAll(() => running.servers.close());

describe("the error table", () => {
  test("gives each reason of errors.proto to exactly one error code", () => {
    const reasons = errorCodes.map((code) => errorTable[code].reason).sort((a, b) => a - b);
    const all = Object.values(ErrorReason).filter((reason) => reason !== ErrorReason.UNSPECIFIED);
    expect(reasons).toEqual(all);
  });

  test("names error codes and reasons alike", () => {
    for (const code of errorCodes) expect(errorTable[code].reason, code).toBe(ErrorReason[code]);
  });
});

describe.each(protocols)("over %s", (protocol) => {
  test.each(errorCodes)("%s arrives with its status, message, reason and metadata", async (code) => {
    const message = `Cannot read "ä/${code}" at 100 %: it is so.`;
    running.fake.answers.read = () => {
      throw new CoreError(code, message, { details: { path: "ä", role: "deploy" } });
    };
    const { error, details } = await failureOf(clientsOf(running, protocol).secrets.read({ path: "ä" }));
    expect(error.code).toBe(errorTable[code].code);
    expect(error.rawMessage).toBe(message);
    expect(details).toHaveLength(1);
    expect(details[0]).toMatchObject({
      reason: errorTable[code].reason,
      metadata: { path: "ä", role: "deploy" },
    });
  });

  test("a bug arrives as an internal error with nothing but the request's id, and is logged with its stack", async () => {
    running.fake.answers.read = () => {
      throw new TypeError("secret_key is z1Pdn06b", { cause: new Error("cause") });
    };
    const { error, details } = await failureOf(clientsOf(running, protocol).secrets.read({ path: "aws" }));
    expect(error.code).toBe(Code.Internal);
    expect(error.rawMessage).toMatch(/^internal error \(request [0-9a-f-]{36}\)$/);
    const requestId = error.rawMessage.slice(-37, -1);
    expect(details).toMatchObject([{ reason: ErrorReason.INTERNAL, metadata: { request_id: requestId } }]);
    const line = running.lines.find((candidate) => candidate["requestId"] === requestId);
    expect(line).toMatchObject({
      level: "error",
      rpc: "leasehold.v1.SecretService/Read",
      reason: "INTERNAL",
    });
    expect(JSON.stringify(line?.["err"])).toContain("errors.test.ts");
  });

  test("a very long message with half a surrogate pair arrives shortened and well formed", async () => {
    running.fake.answers.read = () => {
      throw new CoreError("INVALID_FIELD", `bad \ud800 ${"x".repeat(100_000)}`, {
        details: Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`k${i}`, "\udfff".repeat(5000)])),
      });
    };
    const { error, details } = await failureOf(clientsOf(running, protocol).secrets.read({ path: "aws" }));
    expect(error.code).toBe(Code.InvalidArgument);
    expect(error.rawMessage).toMatch(/^bad \ufffd x+\.\.\.$/);
    expect(details[0]?.reason).toBe(ErrorReason.INVALID_FIELD);
  });
});

describe("toWireError()", () => {
  test("tells nothing of what is not an error at all", () => {
    expect(toWireError("the secret", "42")).toMatchObject({
      errorCode: "INTERNAL",
      message: "internal error (request 42)",
      metadata: { request_id: "42" },
    });
  });
});
