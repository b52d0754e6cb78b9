import type { Iam } from "../iam.ts";
import type { CallClass } from "./call-class.ts";
import type { Pacer } from "./pacer.ts";

/**
 * Has every call of a client wait for its turn in the budget of an account. What only reads has a budget of its own: AWS allows more of
 * it, and it must not use up what deletes keys. Asking STS for the account is no matter of IAM's, and waits for nothing.
 */
export function pacedIam(
  iam: Iam,
  pace: { readonly pacer: Pacer; readonly account: string; readonly class: CallClass },
): Iam {
  const { pacer, account, class: className } = pace;
  const writes = pacer.budget({ account, kind: "writes" });
  const reads = pacer.budget({ account, kind: "reads" });
  const begin = (signal: AbortSignal) => ({ class: className, isFollowUp: false, signal });
  // Of an issue and a renewal, everything but the user itself goes on with what was begun.
  const goOn = (signal: AbortSignal) => ({ class: className, isFollowUp: className === "issue", signal });
  // Of a revocation, the user itself is the last.
  const end = (signal: AbortSignal) => ({ class: className, isFollowUp: true, signal });

  return {
    accountId: (call) => iam.accountId(call),
    createUser: (call) => writes.send(begin(call.signal), () => iam.createUser(call)),
    getUser: (call) => reads.send(goOn(call.signal), () => iam.getUser(call)),
    listUsers: (call) => reads.send(begin(call.signal), () => iam.listUsers(call)),
    deleteUser: (call) => writes.send(end(call.signal), () => iam.deleteUser(call)),
    tagUser: (call) => writes.send(goOn(call.signal), () => iam.tagUser(call)),
    putInlinePolicy: (call) => writes.send(goOn(call.signal), () => iam.putInlinePolicy(call)),
    getInlinePolicy: (call) => reads.send(goOn(call.signal), () => iam.getInlinePolicy(call)),
    attachPolicy: (call) => writes.send(goOn(call.signal), () => iam.attachPolicy(call)),
    addToGroup: (call) => writes.send(goOn(call.signal), () => iam.addToGroup(call)),
    createAccessKey: (call) => writes.send(goOn(call.signal), () => iam.createAccessKey(call)),
    list: (call) => reads.send(goOn(call.signal), () => iam.list(call)),
    remove: (call) => writes.send(goOn(call.signal), () => iam.remove(call)),
    close: () => iam.close(),
  };
}
