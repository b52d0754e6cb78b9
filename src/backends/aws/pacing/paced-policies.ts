import type { IamPolicies } from "../sts/iam-policies.ts";
import type { CallClass } from "./call-class.ts";
import type { Pacer } from "./pacer.ts";

/** Has every call for the policies of groups and roles wait for its turn in the budget of an account: it is IAM's, too. */
export function pacedPolicies(
  policies: IamPolicies,
  pace: { readonly pacer: Pacer; readonly account: string; readonly class: CallClass },
): IamPolicies {
  const { pacer, account, class: className } = pace;
  const writes = pacer.budget({ account, kind: "writes" });
  const reads = pacer.budget({ account, kind: "reads" });
  const turn = ({ signal }: { readonly signal: AbortSignal }) => ({
    class: className,
    isFollowUp: className === "issue",
    signal,
  });
  return {
    readGroup: (call) => reads.send(turn(call), () => policies.readGroup(call)),
    putRolePolicy: (call) => writes.send(turn(call), () => policies.putRolePolicy(call)),
    getRolePolicy: (call) => reads.send(turn(call), () => policies.getRolePolicy(call)),
    deleteRolePolicy: (call) => writes.send(turn(call), () => policies.deleteRolePolicy(call)),
  };
}
