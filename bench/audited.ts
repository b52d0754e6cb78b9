/** `npm run bench:audited`: what a KV read costs once its caller has policies, and every call is written down. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { AuditService } from "../gen/leasehold/v1/audit_pb.ts";
import { AuthService } from "../gen/leasehold/v1/auth_pb.ts";
import { PolicyService } from "../gen/leasehold/v1/policies_pb.ts";
import { createBenchClient, kvPath } from "./bench-client.ts";
import { createBenchWorld } from "./bench-world.ts";
import { measureRpc } from "./rpc-round.ts";
import { prepareRpcWorkloads } from "./rpc-workloads.ts";
import { spreadOf } from "./statistics.ts";

const rounds = 5;
const measureMs = 3000;
const shareWanted = 0.6;
const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** Thirty rules as a service has them, one of which allows the read. */
const policy = JSON.stringify({
  path: {
    ...Object.fromEntries(
      Array.from({ length: 29 }, (_, at) => [`team-${at}/+/creds/*`, { capabilities: ["read", "list"] }]),
    ),
    [`${kvPath.split("/")[0]}/*`]: { capabilities: ["read"] },
  },
});

const dir = await mkdtemp(join(tmpdir(), "leasehold-bench-"));
const world = await createBenchWorld({ cores: undefined, profileDir: undefined, say });
try {
  const client = await createBenchClient(world.leasehold);
  const read = (await prepareRpcWorkloads(world, client)).find(({ name }) => name === "kvRead");
  if (!read) throw new Error("There is no workload that reads KV.");
  const transport = createGrpcTransport({ baseUrl: world.leasehold.grpcUrl, idleConnectionTimeoutMs: 500 });
  const { options } = client;
  await createClient(PolicyService, transport).write({ name: "bench", policy }, options);
  const { token } = await createClient(AuthService, transport).create({ policies: ["bench"] }, options);
  const audit = createClient(AuditService, transport);
  const guarded = { ...read, headers: { ...read.headers, authorization: `Bearer ${token}` } };
  const sink = { name: "bench", type: "file", options: { path: join(dir, "audit.log") } };

  const plain: number[] = [];
  const audited: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const without = await measureRpc(world.load, read, measureMs);
    await audit.enable(sink, options);
    const withAll = await measureRpc(world.load, guarded, measureMs);
    await audit.disable({ name: sink.name }, options);
    // The first round warms up.
    if (round === 0) continue;
    plain.push(without.requestsPerSecond);
    audited.push(withAll.requestsPerSecond);
  }
  const show = (values: readonly number[], digits: number): string => {
    const { median, min, max } = spreadOf(values);
    return `${median.toFixed(digits)} (${min.toFixed(digits)}-${max.toFixed(digits)})`;
  };
  const shares = audited.map((value, at) => value / (plain[at] ?? Number.NaN));
  process.stdout.write(
    [
      `KV read, requests a second, 64 in flight: median of ${rounds} rounds (least-most)`,
      `  the root token, no audit                 ${show(plain, 0)}`,
      `  a token with 30 rules, audit to a file   ${show(audited, 0)}`,
      `  share that is kept                       ${show(shares, 2)} (wanted: at least ${shareWanted})`,
      "",
    ].join("\n"),
  );
} finally {
  await world.stop();
  await rm(dir, { recursive: true });
}
