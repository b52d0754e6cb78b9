import { Health, HealthCheckResponse_ServingStatusSchema } from "../../gen/health/v1/health_pb.ts";
import { LeaseService } from "../../gen/leasehold/v1/leases_pb.ts";
import { MountService } from "../../gen/leasehold/v1/mounts_pb.ts";
import { OperatorService } from "../../gen/leasehold/v1/operator_pb.ts";
import { withSession } from "./client.ts";
import type { Invocation } from "./command.ts";
import { UnfinishedError } from "./errors.ts";
import { stateName } from "./lease-view.ts";
import { keyValueLines } from "./output.ts";

/** How long `status` waits for each answer: it is asked when something is wrong. */
const statusTimeoutMs = 10_000;

/**
 * `leasehold status`: the health of the server, which needs no token, and what
 * it holds, which does. What is known is printed even where the rest fails.
 */
export async function status(invocation: Invocation): Promise<number> {
  const { address } = invocation.settings();
  const options = { doing: "getting the status", timeoutMs: statusTimeoutMs };
  const { health, mounts, leases, operator } = await withSession(invocation, async (session) => {
    const { status: serving } = await session.call(Health.method.check, { service: "" }, options);
    const [mounts, leases, operator] = await Promise.allSettled([
      session.call(MountService.method.listMounts, {}, options),
      session.call(LeaseService.method.count, { prefix: "" }, options),
      session.call(OperatorService.method.status, {}, options),
    ]);
    const health =
      HealthCheckResponse_ServingStatusSchema.value[serving]?.name.toLowerCase() ?? `status ${serving}`;
    return { health, mounts, leases, operator };
  });

  const mountCount = mounts.status === "fulfilled" ? mounts.value.mounts.length : null;
  const leaseCount = leases.status === "fulfilled" ? Number(leases.value.total) : null;
  const byState =
    leases.status === "fulfilled"
      ? leases.value.counts.map(({ state, count }) => [stateName(state), Number(count)] as const)
      : [];
  const isObserveOnly = operator.status === "fulfilled" ? operator.value.observeOnly : null;
  invocation.output.result(
    () =>
      keyValueLines([
        ["address", address],
        ["health", health.replace("_", " ")],
        ["mounts", mountCount ?? "unknown"],
        ["leases", leaseCount ?? "unknown"],
        ...byState.map(([state, count]) => [`  ${state}`, count] as const),
        // What goes without saying is not said.
        ...(isObserveOnly ? [["mode", "observe-only"] as const] : []),
      ]),
    () => ({
      address,
      health,
      mounts: mountCount,
      leases: leaseCount === null ? null : { total: leaseCount, counts: Object.fromEntries(byState) },
      observe_only: isObserveOnly,
    }),
  );
  if (isObserveOnly) {
    invocation.output.note('Nothing that is due is revoked; "leasehold operator status" tells why.');
  }
  for (const answer of [mounts, leases, operator]) if (answer.status === "rejected") throw answer.reason;
  if (health !== "serving")
    throw new UnfinishedError("getting the status: the server is up and does not serve");
  return 0;
}
