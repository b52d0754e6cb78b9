import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Route } from "../../src/rpc/route.ts";
import { allServices } from "../../src/rpc/routes.ts";
import { createToken, writePolicy } from "../core/tokens/token-scene.ts";
import { type CoreHarness, createCoreHarness, type TestServer } from "../kit/core-harness.ts";

const harness: CoreHarness = createCoreHarness();
let server: TestServer;
/** Lease of somebody else. */
let leaseId = "";
/** A lease that there is not, of the same mount. */
const noLeaseId = "scripted/creds/deploy/00000000-0000-4000-8000-000000000000";
let powerless = "";
let calls = 0;

beforeAll(async () => {
  server = await harness.start();
  await server.mount();
  leaseId = (await server.issue()).lease.id;
  await writePolicy(server, "nothing", { "elsewhere/*": ["read"] });
  const request = { policies: ["nothing"], isWithoutDefaultPolicy: true, ttlMs: 60_000 };
  powerless = (await createToken(server, request)).token;
});
afterAll(() => harness.stop());

/** RPCs that say nothing of what is stored, so that a token is enough; and the one that is for those who have none. */
const needsNoPolicy = ["leasehold.v1.SecretService/Help"];
const needsNoToken = ["leasehold.v1.AuthService/Login"];

const path = { path: "scripted/creds/deploy" };

/** A request that would do something for each RPC. One without a row fails, so that nobody adds an RPC without thinking of this. */
const requests: Readonly<Record<string, object>> = {
  "MountService/Mount": { type: "scripted", path: "second" },
  "MountService/Unmount": { path: "scripted" },
  "MountService/ListMounts": {},
  "MountService/TuneMount": { path: "scripted" },
  "SecretService/Read": path,
  "SecretService/Write": path,
  "SecretService/List": path,
  "SecretService/Delete": path,
  "SecretService/Help": { path: "scripted" },
  "LeaseService/Lookup": path,
  "LeaseService/List": {},
  "LeaseService/Renew": path,
  "LeaseService/Revoke": path,
  "LeaseService/RevokePrefix": { prefix: "scripted" },
  "LeaseService/Count": {},
  "LeaseService/Watch": {},
  "LeaseService/Retry": path,
  "LeaseService/Forget": { force: true },
  "AuthService/Login": { path: "auth/approle/login" },
  "AuthService/Create": {},
  "AuthService/LookupSelf": {},
  "AuthService/Lookup": { accessor: "a" },
  "AuthService/RenewSelf": {},
  "AuthService/Revoke": { accessor: "a" },
  "AuthService/RevokeSelf": {},
  "AuthService/List": {},
  "PolicyService/Write": { name: "new", policy: '{"path": {}}' },
  "PolicyService/Read": { name: "default" },
  "PolicyService/List": {},
  "PolicyService/Delete": { name: "nothing" },
  "PolicyService/Test": { names: ["default"], path: "a", capability: 2 },
  "AuditService/Enable": { name: "a", type: "stdout" },
  "AuditService/Disable": { name: "a" },
  "AuditService/List": {},
  "AuditService/Hash": { name: "a", value: "b" },
  "OperatorService/Status": {},
  "OperatorService/Resume": {},
  "OperatorService/Rotate": {},
  "OperatorService/Rekey": { newRootKey: new Uint8Array(32) },
};

const routes = () => allServices(server.core.handle).flatMap(({ routes: all }) => all);
const shortName = ({ rpc }: Route): string => rpc.replace("leasehold.v1.", "");
const hasLeaseId = (route: Route): boolean =>
  route.method.input.fields.some(({ name }) => name === "lease_id");

async function call(route: Route, token: string | undefined, fields: object = {}): Promise<unknown> {
  const given = requests[shortName(route)];
  if (!given) throw new Error(`No request is known for ${route.rpc}: add one to this test.`);
  const request = create(route.method.input, { ...given, ...fields });
  calls += 1;
  const context = {
    token,
    signal: new AbortController().signal,
    deadlineMs: harness.clock.nowMs() + 30_000,
    // Each from another address, or the guesses would be too many.
    peer: `10.0.${calls >> 8}.${calls & 255}:1`,
    requestId: "r",
  };
  const answer: Promise<unknown> =
    route.kind === "unary" ? route.handle(request, context) : route.open(request, context);
  return await harness.clock.advanceUntil(answer);
}

describe("every RPC", () => {
  it("refuses a call without a token, and one with a token that is not known", async () => {
    for (const route of routes().filter(({ rpc }) => !needsNoToken.includes(rpc)))
      for (const token of [undefined, "", "lh.wrong", "root"])
        await expect(call(route, token), `${route.rpc} with ${token}`).rejects.toMatchObject({
          code: "UNAUTHENTICATED",
        });
  });

  it("refuses a token whose policies do not allow it", async () => {
    for (const route of routes().filter(({ rpc }) => ![...needsNoToken, ...needsNoPolicy].includes(rpc)))
      await expect(
        call(route, powerless, hasLeaseId(route) ? { leaseId } : {}),
        route.rpc,
      ).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
  });

  it("answers to a lease of somebody else what it answers to one that there is not", async () => {
    const about = routes().filter(hasLeaseId);
    expect(about.map(shortName)).toEqual([
      "LeaseService/Lookup",
      "LeaseService/Renew",
      "LeaseService/Revoke",
      "LeaseService/Retry",
      "LeaseService/Forget",
    ]);
    for (const route of about) {
      const answers = await Promise.all(
        [leaseId, noLeaseId].map(async (id) => {
          const refusal = await call(route, powerless, { leaseId: id }).catch((error: unknown) => error);
          return JSON.stringify([refusal, String(refusal)]).replaceAll(id, "ID");
        }),
      );
      expect(answers[0], route.rpc).toBe(answers[1]);
    }
  });

  it("has changed nothing by then", async () => {
    expect(harness.leases.leases().filter(({ id }) => id === leaseId)).toMatchObject([{ state: "active" }]);
    expect((await server.ask("listMounts", {})).map((mount) => mount.path)).toEqual(["scripted"]);
    expect((await server.ask("listPolicies", {})).names).toEqual(["default", "nothing", "root"]);
  });
});
