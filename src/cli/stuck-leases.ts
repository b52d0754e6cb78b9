import { LeaseService } from "../../gen/leasehold/v1/leases_pb.ts";
import { withSession } from "./client.ts";
import type { Invocation } from "./command.ts";
import { escapeText } from "./escape.ts";
import { revocationTimeoutMs } from "./mounts.ts";

/** `leasehold lease retry LEASE_ID`. */
export async function retry(invocation: Invocation): Promise<number> {
  const leaseId = invocation.arg("LEASE_ID");
  const { warnings } = await withSession(invocation, (session) =>
    session.call(
      LeaseService.method.retry,
      { leaseId },
      { doing: `retrying ${leaseId}`, timeoutMs: revocationTimeoutMs },
    ),
  );
  const { output } = invocation;
  output.result(
    () => [`Key revoked with ID '${escapeText(leaseId)}'.`],
    () => ({ lease_id: leaseId, warnings }),
  );
  output.warnings(warnings);
  return 0;
}

/** `leasehold lease forget LEASE_ID [--force]`. Without --force the server refuses, and says what would be left behind. */
export async function forget(invocation: Invocation): Promise<number> {
  const leaseId = invocation.arg("LEASE_ID");
  const force = invocation.flags.has("force");
  const { leftBehind } = await withSession(invocation, (session) =>
    session.call(LeaseService.method.forget, { leaseId, force }, { doing: `forgetting ${leaseId}` }),
  );
  invocation.output.result(
    () => [
      `Forgot the lease with ID '${escapeText(leaseId)}'. It is never tried again.`,
      ...(leftBehind.length > 0 ? ["Left behind:"] : []),
      ...leftBehind.map((sentence) => `  ${escapeText(sentence)}`),
    ],
    () => ({ lease_id: leaseId, left_behind: leftBehind }),
  );
  return 0;
}
