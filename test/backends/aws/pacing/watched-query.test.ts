import { beforeEach, describe, expect, it } from "vitest";
import type { AwsQuery, QueryCall } from "../../../../src/backends/aws/aws-query.ts";
import { userRoomReader } from "../../../../src/backends/aws/pacing/user-room.ts";
import { createCircuits, watchQuery } from "../../../../src/backends/aws/pacing/watched-query.ts";
import { readXml, type XmlElement } from "../../../../src/backends/aws/query-xml.ts";
import { awsFailure } from "../../../kit/fake-iam.ts";
import { createManualClock } from "../../../kit/manual-clock.ts";
import {
  type RecordedVendorTelemetry,
  recordVendorTelemetry,
} from "../../../kit/recorded-vendor-telemetry.ts";

const settings = {
  accessKey: "AKIAI4SGLQPBX6CSENIQ",
  secretKey: "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",
  sessionToken: undefined,
  region: "us-east-1",
  iamEndpoint: "http://127.0.0.1:8213",
  stsEndpoint: undefined,
};
const { signal } = new AbortController();
const empty: XmlElement = { name: "Result", text: "", children: [] };

let telemetry: RecordedVendorTelemetry;
let sent: QueryCall[];
let failure: Error | undefined;
let query: AwsQuery;

beforeEach(() => {
  telemetry = recordVendorTelemetry();
  sent = [];
  failure = undefined;
  const bare: AwsQuery = {
    async query(call) {
      sent.push(call);
      if (failure) throw failure;
      return empty;
    },
    close: () => {},
  };
  const circuits = createCircuits({ clock: createManualClock(), telemetry });
  query = watchQuery(bare, { settings, circuits, telemetry });
});

describe("A watched client", () => {
  it("counts calls by action and outcome", async () => {
    await query.query({ service: "iam", action: "GetUser", signal });
    failure = awsFailure("absent", "NoSuchEntity");
    await expect(query.query({ service: "iam", action: "GetUser", signal })).rejects.toBe(failure);
    expect(telemetry.told).toEqual(["called GetUser OK", "called GetUser NoSuchEntity"]);
  });

  it("sends nothing to an endpoint that is away, and goes on with the other one", async () => {
    failure = awsFailure("unknown", "ECONNREFUSED");
    const call = { service: "iam", action: "GetUser", signal } as const;
    for (let at = 0; at < 5; at++) await query.query(call).catch(() => {});
    await expect(query.query(call)).rejects.toMatchObject({ kind: "unsent", reason: "away" });
    expect(sent).toHaveLength(5);
    expect(telemetry.told).toContain("circuit 127.0.0.1:8213 open");
    expect(telemetry.told.at(-1)).toBe("called GetUser NotSentForOutage");
    failure = undefined;
    await query.query({ service: "sts", action: "GetCallerIdentity", signal });
    expect(sent).toHaveLength(6);
  });
});

describe("The room of an account", () => {
  const answer = (entries: string) => async () =>
    readXml(`<GetAccountSummaryResult><SummaryMap>${entries}</SummaryMap></GetAccountSummaryResult>`) ??
    empty;
  const entry = (key: string, value: string) => `<entry><key>${key}</key><value>${value}</value></entry>`;

  it("is read from the account summary", async () => {
    const read = userRoomReader(
      answer(entry("Groups", "7") + entry("UsersQuota", "5000") + entry("Users", "32")),
    );
    expect(await read({ signal })).toEqual({ count: 32, quota: 5000 });
  });

  it("is not known from an answer that lacks a number", async () => {
    await expect(userRoomReader(answer(entry("Users", "32")))({ signal })).rejects.toMatchObject({
      kind: "unknown",
      message: 'The account summary has no number under "UsersQuota"; is this an AWS endpoint?',
    });
    await expect(userRoomReader(async () => empty)({ signal })).rejects.toMatchObject({ kind: "unknown" });
  });
});
