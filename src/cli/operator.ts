import { OperatorService } from "../../gen/leasehold/v1/operator_pb.ts";
import { withSession } from "./client.ts";
import type { Invocation } from "./command.ts";
import { escapeText } from "./escape.ts";
import { timeJson, timeText } from "./lease-view.ts";
import { keyValueLines } from "./output.ts";

/** `leasehold operator status`. */
export async function operatorStatus(invocation: Invocation): Promise<number> {
  const status = await withSession(invocation, (session) =>
    session.call(OperatorService.method.status, {}, { doing: "getting the operator's status" }),
  );
  const { observeOnly, reasons, observingSince, wouldRevoke, wouldRevokeIds } = status;
  const { output } = invocation;
  output.result(
    () => [
      ...keyValueLines([
        ["mode", observeOnly ? "observe-only" : "revoking"],
        ...(observingSince ? [["observing_since", timeText(observingSince)] as const] : []),
        ...(observeOnly ? [["would_revoke", Number(wouldRevoke)] as const] : []),
        ...reasons.map((reason) => ["reason", reason] as const),
      ]),
      ...(wouldRevokeIds.length > 0
        ? ["", "Would be revoked", ...wouldRevokeIds.map((id) => `  ${escapeText(id)}`)]
        : []),
    ],
    () => ({
      observe_only: observeOnly,
      reasons,
      observing_since: timeJson(observingSince),
      would_revoke: Number(wouldRevoke),
      would_revoke_ids: wouldRevokeIds,
    }),
  );
  if (observeOnly) output.note('Nothing that is due is revoked until you run "leasehold operator resume".');
  return 0;
}

/** `leasehold operator resume`. */
export async function operatorResume(invocation: Invocation): Promise<number> {
  const { due } = await withSession(invocation, (session) =>
    session.call(OperatorService.method.resume, {}, { doing: "resuming" }),
  );
  const leases = due === 1n ? "1 lease is due and is" : `${due} leases are due and are`;
  invocation.output.result(
    () => [`Revocation goes on: ${leases} revoked now.`],
    () => ({ due: Number(due) }),
  );
  return 0;
}
