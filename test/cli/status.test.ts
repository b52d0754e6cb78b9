import { status } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Health, HealthCheckResponse_ServingStatus as ServingStatus } from "../../gen/health/v1/health_pb.ts";
import { LeaseService, LeaseState } from "../../gen/leasehold/v1/leases_pb.ts";
import { MountService } from "../../gen/leasehold/v1/mounts_pb.ts";
import { OperatorService } from "../../gen/leasehold/v1/operator_pb.ts";
import { FakeServer, Refusal } from "./fake-server.ts";
import { type Ran, run } from "./run.ts";

describe("status", () => {
  let server: FakeServer;
  let health: ServingStatus;
  let isObserving: boolean;

  beforeEach(async () => {
    health = ServingStatus.SERVING;
    isObserving = false;
    const refuse = (authorization: string | undefined) => {
      if (authorization !== "Bearer good")
        throw new Refusal("no", { code: status.UNAUTHENTICATED, reason: "UNAUTHENTICATED" });
    };
    server = await new FakeServer()
      .on(Health.method.check, () => ({ status: health }))
      .on(MountService.method.listMounts, (_, { authorization }) => {
        refuse(authorization);
        return { mounts: [{ path: "aws" }, { path: "secret" }] };
      })
      .on(LeaseService.method.count, (_, { authorization }) => {
        refuse(authorization);
        return { counts: [{ state: LeaseState.ACTIVE, count: 2n }], total: 2n };
      })
      .on(OperatorService.method.status, (_, { authorization }) => {
        refuse(authorization);
        return { observeOnly: isObserving };
      })
      .start();
  });
  afterEach(() => server.stop());

  function leasehold(token: string, ...flags: string[]): Promise<Ran> {
    return run(["status", ...flags], { env: { LEASEHOLD_ADDR: server.address, LEASEHOLD_TOKEN: token } });
  }

  test("shows the health of the server and what it holds", async () => {
    const ran = await leasehold("good");
    expect(ran).toMatchObject({ exitCode: 0, stderr: "" });
    expect(ran.stdout).toBe(
      `Key       Value\naddress   ${server.address}\nhealth    serving\nmounts    2\nleases    2\n  active  2\n`,
    );
    expect(JSON.parse((await leasehold("good", "--format=json")).stdout)).toEqual({
      address: server.address,
      health: "serving",
      mounts: 2,
      leases: { total: 2, counts: { active: 2 } },
      observe_only: false,
    });
  });

  test("shows that the server only observes, where it does, and exits 0", async () => {
    isObserving = true;
    const ran = await leasehold("good");
    expect(ran.exitCode).toBe(0);
    expect(ran.stdout).toContain("  active  2\nmode      observe-only\n");
    expect(ran.stderr).toBe('Nothing that is due is revoked; "leasehold operator status" tells why.\n');
    expect(JSON.parse((await leasehold("good", "--format=json")).stdout)).toMatchObject({
      observe_only: true,
    });
  });

  test("shows what it can and fails where the token is refused", async () => {
    const ran = await leasehold("bad");
    expect(ran.exitCode).toBe(1);
    expect(ran.stdout).toContain("health   serving\nmounts   unknown\nleases   unknown\n");
    expect(ran.stderr).toBe(
      "Error getting the status: the server does not know this token. Set LEASEHOLD_TOKEN, or give --token with one that is valid.\n",
    );
  });

  test("fails where the server does not serve", async () => {
    health = ServingStatus.NOT_SERVING;
    const ran = await leasehold("good");
    expect(ran.exitCode).toBe(1);
    expect(ran.stdout).toContain("health    not serving\n");
    expect(ran.stderr).toBe("Error getting the status: the server is up and does not serve\n");
  });
});
