import { GetUserCommand, ListUsersCommand, UpdateAccessKeyCommand } from "@aws-sdk/client-iam";
import { describe, expect, it } from "vitest";
import type { Credential } from "../../../src/dev/simulator/principal.ts";
import { verifySignature } from "../../../src/dev/simulator/sigv4.ts";
import { tutorialKey } from "../../../src/dev/simulator/simulator.ts";
import { RunningSimulator } from "./running-simulator.ts";

const minutes = 60_000;

describe("verifySignature()", () => {
  const credential: Credential = {
    accessKeyId: "AKIDEXAMPLE",
    secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    token: undefined,
    expiresAtMs: undefined,
    key: undefined,
    principal: () => {
      throw new Error("A signature is checked before anybody asks who signed.");
    },
  };
  // The worked example of AWS's documentation of Signature Version 4.
  const example = {
    method: "GET",
    path: "/",
    query: "Action=ListUsers&Version=2010-05-08",
    headers: {
      host: ["iam.amazonaws.com"],
      "content-type": ["application/x-www-form-urlencoded; charset=utf-8"],
      "x-amz-date": ["20150830T123600Z"],
      authorization: [
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
      ],
    },
    body: new Uint8Array(),
  };
  const by = {
    service: "iam",
    nowMs: Date.UTC(2015, 7, 30, 12, 40),
    find: (id: string) => (id === credential.accessKeyId ? credential : undefined),
  };

  it("accepts the worked example of AWS's documentation", () => {
    expect(verifySignature(example, by)).toEqual({ credential, region: "us-east-1" });
  });

  it.each([
    ["another query", { query: "Action=ListUsers&Version=2010-05-09" }],
    ["another method", { method: "POST" }],
    ["another body", { body: Buffer.from("x") }],
    ["another path", { path: "/x" }],
    ["another signed header", { headers: { ...example.headers, host: ["sts.amazonaws.com"] } }],
  ])("refuses the example with %s", (_, change) => {
    const code = "SignatureDoesNotMatch";
    expect(() => verifySignature({ ...example, ...change }, by)).toThrow(expect.objectContaining({ code }));
  });

  it("refuses a signature made for another service", () => {
    expect(() => verifySignature(example, { ...by, service: "sts" })).toThrow(
      "scoped to correct service: 'sts'",
    );
  });

  it("refuses an authorization header it cannot read", () => {
    for (const authorization of ["Basic eDp5", "AWS4-HMAC-SHA256 Credential=a/b/c", "AWS4-HMAC-SHA256"]) {
      const headers = { ...example.headers, authorization: [authorization] };
      const code = "IncompleteSignature";
      expect(() => verifySignature({ ...example, headers }, by)).toThrow(expect.objectContaining({ code }));
    }
  });
});

describe("the AWS simulator's authentication", () => {
  it("refuses a wrong secret with SignatureDoesNotMatch", async () => {
    const running = await RunningSimulator.start();
    const iam = running.iamAs({ ...tutorialKey, secretAccessKey: "x".repeat(40) });
    await expect(iam.send(new ListUsersCommand({}))).rejects.toMatchObject({
      name: "SignatureDoesNotMatch",
      $metadata: { httpStatusCode: 403 },
    });
  });

  it("refuses an unknown key with InvalidClientTokenId", async () => {
    const running = await RunningSimulator.start();
    const iam = running.iamAs({ ...tutorialKey, accessKeyId: "AKIAIOSFODNN7EXAMPLE" });
    await expect(iam.send(new ListUsersCommand({}))).rejects.toMatchObject({
      name: "InvalidClientTokenId",
      $metadata: { httpStatusCode: 403 },
    });
  });

  it("refuses an inactive key until it is active again", async () => {
    const running = await RunningSimulator.start();
    const key = await running.createUser("ada", [{ Effect: "Allow", Action: "iam:*", Resource: "*" }]);
    const set = (Status: "Active" | "Inactive") =>
      running.iam.send(new UpdateAccessKeyCommand({ UserName: "ada", AccessKeyId: key.accessKeyId, Status }));
    const call = () => running.iamAs(key).send(new GetUserCommand({}));
    await set("Inactive");
    await expect(call()).rejects.toMatchObject({ name: "InvalidClientTokenId" });
    await set("Active");
    await expect(call()).resolves.toMatchObject({ User: { UserName: "ada" } });
  });

  it("refuses a call signed more than 15 minutes ago, and one from the future", async () => {
    const running = await RunningSimulator.start();
    for (const systemClockOffset of [-16 * minutes, 16 * minutes]) {
      const iam = running.iamAs(tutorialKey);
      iam.config.systemClockOffset = systemClockOffset;
      const sentence = systemClockOffset < 0 ? /^Signature expired: / : /^Signature not yet current: /;
      await expect(iam.send(new ListUsersCommand({}))).rejects.toMatchObject({
        name: "SignatureDoesNotMatch",
        message: expect.stringMatching(sentence),
      });
    }
  });

  it("refuses a call without a signature", async () => {
    const { simulator } = await RunningSimulator.start();
    const response = await fetch(`${simulator.url}/?Action=ListUsers&Version=2010-05-08`);
    expect(response.status).toBe(403);
    expect(await response.text()).toContain("<Code>MissingAuthenticationToken</Code>");
  });

  it("answers an unknown action, version or body with AWS's XML errors", async () => {
    const { simulator } = await RunningSimulator.start();
    const post = async (body: string) => {
      const response = await fetch(simulator.url, { method: "POST", body });
      return { status: response.status, text: await response.text() };
    };
    const unknown = await post("Action=MakeCoffee&Version=2010-05-08");
    expect(unknown.status).toBe(400);
    expect(unknown.text).toMatch(
      /^<ErrorResponse xmlns="https:\/\/iam\.amazonaws\.com\/doc\/2010-05-08\/"><Error><Type>Sender<\/Type><Code>InvalidAction<\/Code>.*<RequestId>[0-9a-f-]{36}<\/RequestId><\/ErrorResponse>$/,
    );
    expect((await post("Action=ListUsers")).text).toContain("NO_VERSION_SPECIFIED");
    expect((await post("")).text).toContain("<Code>MissingAction</Code>");
    expect((await post("x".repeat((1 << 20) + 1))).status).toBe(413);
  });
});
