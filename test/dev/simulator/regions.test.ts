import { STSClient } from "@aws-sdk/client-sts";
import { describe, expect, it } from "vitest";
import { type ClientKey, RunningSimulator } from "./running-simulator.ts";

/** Calls EC2, for which the project has no client, by way of the STS client's signer. */
async function describeRegions(
  running: RunningSimulator,
  key: ClientKey,
): Promise<{ status: number; text: string }> {
  const client = new STSClient({ region: "eu-west-1", credentials: key });
  const signer = await client.config.signer({
    name: "sigv4",
    signingName: "ec2",
    signingRegion: "eu-west-1",
    properties: {},
  });
  const url = new URL(running.simulator.url);
  const body = "Action=DescribeRegions&Version=2016-11-15";
  const signed = await signer.sign(
    {
      method: "POST",
      protocol: url.protocol,
      hostname: url.hostname,
      port: Number(url.port),
      path: "/",
      query: {},
      headers: { host: url.host, "content-type": "application/x-www-form-urlencoded" },
      body,
    },
    { signingDate: new Date(running.nowMs()) },
  );
  client.destroy();
  const { host: _, ...headers } = signed.headers;
  const response = await fetch(url, { method: "POST", headers, body });
  return { status: response.status, text: await response.text() };
}

describe("DescribeRegions", () => {
  it("answers a key that may use EC2, until a Deny ends it", async () => {
    const running = await RunningSimulator.start();
    const end = new Date(running.nowMs() + 5000).toISOString();
    const key = await running.createUser("leased", [
      { Effect: "Allow", Action: ["ec2:*"], Resource: ["*"] },
      {
        Effect: "Deny",
        Action: "*",
        Resource: "*",
        Condition: { DateGreaterThan: { "aws:CurrentTime": end } },
      },
    ]);
    const works = await describeRegions(running, key);
    expect(works.status).toBe(200);
    expect(works.text).toContain("<regionInfo><item><regionName>eu-central-1</regionName>");
    running.advance(6000);
    const ended = await describeRegions(running, key);
    expect(ended.status).toBe(403);
    expect(ended.text).toContain("<Code>UnauthorizedOperation</Code>");
    expect(ended.text).toContain("with an explicit deny in an identity-based policy");
  });

  it("refuses a key that is unknown in EC2's own words", async () => {
    const running = await RunningSimulator.start();
    const key = { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "x" };
    const { status, text } = await describeRegions(running, key);
    expect(status).toBe(401);
    expect(text).toContain("<Response><Errors><Error><Code>AuthFailure</Code>");
  });
});
