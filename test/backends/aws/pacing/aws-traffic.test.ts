import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { awsBackend } from "../../../../src/backends/aws/aws-backend.ts";
import type { AwsOptions } from "../../../../src/backends/aws/aws-options.ts";
import { createAwsTraffic } from "../../../../src/backends/aws/pacing/aws-traffic.ts";
import { NothingCreated, RetryLater, type SecretType, Throttled } from "../../../../src/core/backend.ts";
import type { JsonObject } from "../../../../src/core/json.ts";
import { type Simulator, startSimulator } from "../../../../src/dev/simulator/simulator.ts";
import { createMemorySharedRates } from "../../../kit/memory-shared-rates.ts";
import {
  type RecordedVendorTelemetry,
  recordVendorTelemetry,
} from "../../../kit/recorded-vendor-telemetry.ts";
import { type MountedBackend, mountBackend, rootKey, tutorialPolicy } from "../mounted-aws.ts";
import { httpAnswer, startRawEndpoint } from "../raw-endpoint.ts";

const { signal } = new AbortController();

let simulator: Simulator;
let telemetry: RecordedVendorTelemetry;
let mounted: MountedBackend;

beforeEach(async () => {
  simulator = await startSimulator({ quotas: { users: 10 } });
  telemetry = recordVendorTelemetry();
  await mount({});
});

afterEach(async () => {
  mounted.close();
  await simulator.close();
});

async function mount(options: Partial<AwsOptions>): Promise<void> {
  const { url } = simulator;
  const endpoints = { iamEndpoint: url, stsEndpoint: url };
  const rates = createMemorySharedRates(Date.now);
  const type = awsBackend({ consistencyMs: 0, ...endpoints, rates, telemetry, userHeadRoom: 5, ...options });
  mounted = mountBackend(type, "aws");
  await mounted.ask("write", "config/root", rootKey);
  await mounted.ask("write", "roles/deploy", { policy_document: tutorialPolicy });
}

/** Makes a leased user, past the lessor. */
async function create(): Promise<{ readonly type: SecretType; readonly handle: JsonObject }> {
  const { issue } = await mounted.ask("read", "creds/deploy");
  const type = mounted.secretTypes.find(({ name }) => name === issue?.secretType);
  if (issue === undefined || type === undefined) throw new Error("Nothing is issued.");
  const leaseUuid = randomUUID();
  const ids = { leaseUuid, leaseId: `aws/creds/deploy/${leaseUuid}`, accessor: "aws_1", role: "deploy" };
  const nowMs = Date.now();
  const context = { input: issue.input, ids, issuedAtMs: nowMs, expiresAtMs: nowMs + 60_000, signal };
  const { handle } = await type.create(type.plan(issue.input, ids), context);
  return { type, handle };
}

describe("Calls to AWS", () => {
  it("are counted by action and outcome", async () => {
    await create();
    expect(telemetry.toldOf("called CreateUser")).toEqual(["called CreateUser OK"]);
    expect(telemetry.toldOf("called GetCallerIdentity").at(-1)).toBe("called GetCallerIdentity OK");
    expect(telemetry.toldOf("limited")).toEqual([]);
  });

  it("make no user where the account has no room but what is left free, and say so with numbers", async () => {
    const others = simulator.account.users.size;
    for (let made = others; made < 5; made++) await create();
    const refusal = await create().catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(NothingCreated);
    expect(refusal).toMatchObject({
      reason: { code: "LIMIT_EXCEEDED", details: { users: "5", quota: "10", user_headroom: "5" } },
    });
    expect(simulator.account.users.size).toBe(5);
  });

  it("go on where the root key may not ask for the room, which is told once", async () => {
    simulator.faults.add({
      kind: "refuse",
      actions: ["GetAccountSummary"],
      code: "AccessDenied",
      message: "No.",
      status: 403,
    });
    for (let made = 0; made < 6; made++) await create();
    expect(telemetry.toldOf("headRoomUnknown")).toEqual(["headRoomUnknown 123456789012 AccessDenied: No."]);
  });

  it("are not sent to an endpoint that is away: issues fail at once, revocations use no attempt", async () => {
    const { type, handle } = await create();
    await simulator.close();
    const outcomes: unknown[] = [];
    for (let at = 0; at < 6; at++)
      outcomes.push(await type.disarm?.(handle, { signal }).catch((error: unknown) => error));
    expect(telemetry.toldOf("circuit")).toHaveLength(1);
    expect(outcomes.at(-1)).toBeInstanceOf(RetryLater);
    expect(outcomes.at(-1)).not.toBeInstanceOf(Throttled);
    expect(outcomes.at(-1)).toMatchObject({ reason: { code: "BACKEND_UNAVAILABLE" } });
    const refusal = await create().catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(NothingCreated);
    expect(refusal).toMatchObject({
      reason: {
        code: "BACKEND_UNAVAILABLE",
        message: expect.stringMatching(/has not answered \d+ calls in a row, the last with ECONNREFUSED/),
        details: { retry_after: expect.stringMatching(/^\d+s$/) },
      },
    });
  });

  it("of a revocation wait for their turn when they are throttled, and are sent again", async () => {
    const { type, handle } = await create();
    simulator.faults.add({ kind: "throttle", callsPerSecond: 0, actions: ["DeleteAccessKey"], times: 1 });
    await type.disarm?.(handle, { signal });
    expect(telemetry.toldOf("called DeleteAccessKey")).toEqual([
      "called DeleteAccessKey Throttling",
      "called DeleteAccessKey OK",
    ]);
    expect(telemetry.toldOf("throttled")).toEqual(["throttled 123456789012:writes"]);
    expect(telemetry.toldOf("limited").length).toBeGreaterThan(0);
  });
});

it("A client signs by the clock that another of the same endpoint has learnt of, and no other does", async () => {
  const hourMs = 3_600_000;
  const answer = httpAnswer(403, "", [`date: ${new Date(Date.now() + hourMs).toUTCString()}`]);
  const endpoint = await startRawEndpoint((_, socket) => socket.write(answer));
  onTestFinished(() => endpoint.close());
  const traffic = createAwsTraffic({ consistencyMs: 0 });
  const hoursAhead = async (accessKey: string, path: string): Promise<number> => {
    const key = { accessKey, secretKey: "s", sessionToken: undefined, region: "us-east-1" };
    const urls = { iamEndpoint: endpoint.url + path, stsEndpoint: endpoint.url + path };
    const client = traffic.createQuery({ ...key, ...urls });
    await expect(client.query({ service: "sts", action: "GetCallerIdentity", signal })).rejects.toThrow();
    client.close();
    const time = endpoint.requests.at(-1)?.headers["x-amz-date"] ?? "";
    const date = time.replace(/^(....)(..)(..)t(..)(..)(..)z$/, "$1-$2-$3T$4:$5:$6Z");
    return Math.round((Date.parse(date) - Date.now()) / hourMs) || 0;
  };
  expect(await hoursAhead("AKIAROOT", "/")).toBe(0);
  expect(await hoursAhead("AKIANEW", "/")).toBe(1);
  expect(await hoursAhead("AKIAROOT", "/other/")).toBe(0);
});
