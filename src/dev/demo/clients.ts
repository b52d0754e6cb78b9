import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { LeaseService } from "../../../gen/leasehold/v1/leases_pb.ts";
import { SecretService } from "../../../gen/leasehold/v1/secrets_pb.ts";
import type { Stage } from "./stage.ts";
import type { World } from "./world.ts";

const body = JSON.stringify({ path: "aws/creds/deploy" });

/** Posts JSON with curl, or with fetch on a machine without curl. */
async function post(url: string, token: string): Promise<string> {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const args = Object.entries(headers).flatMap(([name, value]) => ["-H", `${name}: ${value}`]);
  try {
    return (await promisify(execFile)("curl", ["-sS", ...args, "-d", body, url])).stdout;
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
    return (await fetch(url, { method: "POST", headers, body })).text();
  }
}

/** The same read by other clients: curl with JSON, a generated TypeScript client, and a line for grpcurl. */
export async function playClients(stage: Stage, world: World): Promise<void> {
  const { grpcUrl, httpUrl } = world.server();
  const { rootToken: token } = world;

  stage.scene("The same read by other clients");
  stage.tell("With grpcurl, by server reflection. To try it, run `npm run dev` and copy this line:");
  stage.tell(
    `grpcurl -plaintext -H "authorization: Bearer $LEASEHOLD_TOKEN" -d '${body}' 127.0.0.1:8210 leasehold.v1.SecretService/Read`,
  );

  const url = `${httpUrl}/leasehold.v1.SecretService/Read`;
  const line = `curl -H "authorization: Bearer $LEASEHOLD_TOKEN" -H "content-type: application/json" -d '${body}' ${url}`;
  const json = JSON.parse(await stage.show(line, () => post(url, token)));
  stage.check(
    "curl gets a key and its lease as JSON",
    typeof json.data?.access_key === "string" && typeof json.lease?.id === "string",
  );

  const transport = createGrpcTransport({ baseUrl: grpcUrl, idleConnectionTimeoutMs: 100 });
  const headers = { authorization: `Bearer ${token}` };
  const secrets = createClient(SecretService, transport);
  const leases = createClient(LeaseService, transport);
  stage.tell("From TypeScript, by the generated client:");
  const shown = await stage.show(
    'const { data, lease } = await secrets.read({ path: "aws/creds/deploy" });',
    async () => {
      const { data, lease } = await secrets.read({ path: "aws/creds/deploy" }, { headers });
      return `access_key ${data?.["access_key"]}, lease ${lease?.id}`;
    },
  );
  stage.check("the generated client gets one, too", shown.includes("access_key AKIA"));

  const { revoked, pending } = await leases.revokePrefix({ prefix: "aws" }, { headers });
  stage.check("all of them are revoked together", revoked === 2n && pending === 0n);

  const metrics = await stage.show(`curl -s ${httpUrl}/metrics | grep lease_claims`, async () => {
    const text = await (await fetch(`${httpUrl}/metrics`)).text();
    return text
      .split("\n")
      .filter((row) => row.startsWith("leasehold_lease_claims_total"))
      .join("\n");
  });
  stage.check("the metrics tell what woke each claim", metrics.includes('woken_by="event"'));
}
