import type { AwsFailure } from "../../src/backends/aws/aws-failure.ts";
import type { Iam } from "../../src/backends/aws/iam.ts";
import { type AwsAccount, awsFailure } from "./aws-account.ts";
import type { CallPoints } from "./call-points.ts";
import type { FaultKind, Faults } from "./faults.ts";
import type { Random } from "./random.ts";
import type { Process, Scheduler } from "./scheduler.ts";
import type { Trace } from "./trace.ts";

/** The client gives up on a reply after this long. */
const requestTimeoutMs = 6000;
/** What was sent takes effect this much later at most, also where the client has given up. */
export const effectDelayMsMax = 8000;

const changes = /^(create|delete|tag|put|attach|add|remove)/;

/** What becomes of a call: whether it takes effect, and what is answered instead of its result. */
interface Fate {
  readonly hasEffect: boolean;
  readonly effectMs: number;
  /** Undefined where the result is answered; "never" where nothing is. */
  readonly failure: AwsFailure | "never" | undefined;
}

/** The account number of the model. */
export const accountId = "111122223333";

/** IAM as one process reaches it: the port, with everything that can go wrong on the way. */
export function connectAws(options: {
  readonly account: AwsAccount;
  readonly process: Process;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly faults: Faults;
  readonly trace: Trace;
  readonly callPoints: CallPoints;
  /** Whether this is the connection of the mount whose AWS may hang. */
  readonly mayHang?: boolean;
}): Iam {
  const { mayHang = false } = options;
  const { account, process, scheduler, random, faults, trace, callPoints } = options;
  const unknown = (code: string, message: string) => awsFailure("unknown", code, message);

  const fateOf = (name: string, isChange: boolean): Fate => {
    const slowMs = faults.strikes("aws: slow") ? random.between(500, 5000) : 0;
    const effectMs = random.between(2, 40) + slowMs;
    const struck = (kind: FaultKind): boolean => faults.strikes(kind);
    const refused = (failure: AwsFailure): Fate => ({ hasEffect: false, effectMs, failure });
    const done = (failure: AwsFailure | "never"): Fate => ({ hasEffect: true, effectMs, failure });
    if (mayHang && struck("aws: one mount hangs")) return { hasEffect: false, effectMs, failure: "never" };
    if (struck("aws: unreachable")) return refused(unknown("ECONNREFUSED", "connect ECONNREFUSED"));
    if (struck("aws: black hole")) return { hasEffect: false, effectMs, failure: "never" };
    if (struck("aws: throttled")) return refused(awsFailure("throttled", "Throttling", "Rate exceeded"));
    if (struck("aws: access denied"))
      return refused(awsFailure("refused", "AccessDenied", "User is not authorized to perform this."));
    if (struck("aws: error before effect")) return refused(unknown("ServiceFailure", "Internal error"));
    if (isChange && struck("aws: error after effect"))
      return done(unknown("ServiceFailure", "Internal error"));
    if (isChange && struck("aws: reply lost")) return done(unknown("ECONNRESET", "socket hang up"));
    if (isChange && struck("aws: effect after time-out"))
      return { hasEffect: true, effectMs: random.between(500, effectDelayMsMax), failure: "never" };
    if (name === "deleteUser" && struck("aws: delete conflict"))
      return refused(
        awsFailure("conflict", "DeleteConflict", "Cannot delete entity, must detach all first."),
      );
    return { hasEffect: true, effectMs, failure: undefined };
  };

  function call<T>(
    name: string,
    about: string,
    signal: AbortSignal,
    effect: (isLate: boolean) => T,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const isChange = changes.test(name);
      if (!process.isAlive || (isChange && callPoints.isLastBefore(process, name))) return;
      let isSettled = false;
      const settle = (deliver: () => void): void => {
        if (isSettled) return;
        isSettled = true;
        signal.removeEventListener("abort", abort);
        cancelTimeout();
        deliver();
      };
      const abort = (): void => settle(() => reject(unknown("AbortError", "The call was abandoned.")));
      const cancelTimeout = process.after(
        requestTimeoutMs,
        () => settle(() => reject(unknown("TimeoutError", "There was no answer in time."))),
        "timer",
      );
      if (signal.aborted) {
        abort();
        return;
      }
      signal.addEventListener("abort", abort, { once: true });
      const { hasEffect, effectMs, failure } = fateOf(name, isChange);
      const answer = (deliver: () => void): void =>
        void process.after(random.between(2, 20), () => settle(deliver), "network");
      scheduler.after(effectMs, () => {
        let outcome: () => void = () => {};
        if (hasEffect) {
          try {
            account.actor = process;
            const result = effect(isSettled);
            outcome = () => resolve(result);
            if (isChange) trace.add(`aws ${process.name} ${name} ${about}`);
          } catch (error) {
            outcome = () => reject(error);
          }
          if (isChange && callPoints.isLastAfter(process, name)) return;
        }
        if (failure === undefined) answer(outcome);
        else if (failure !== "never") answer(() => reject(failure));
      });
    });
  }

  return {
    accountId: ({ signal }) => call("accountId", "", signal, () => accountId),
    createUser: ({ user, path, tags, signal }) =>
      call("createUser", user, signal, (isLate) => account.createUser(user, { path, tags, isLate })),
    getUser: ({ user, signal }) => call("getUser", user, signal, () => account.getUser(user)),
    listUsers: ({ pathPrefix, signal }) =>
      call("listUsers", pathPrefix, signal, () => account.listUsers(pathPrefix)),
    deleteUser: ({ user, signal }) => call("deleteUser", user, signal, () => account.deleteUser(user)),
    tagUser: ({ user, tags, signal }) => call("tagUser", user, signal, () => account.tagUser(user, tags)),
    putInlinePolicy: ({ user, policy, document, signal }) =>
      call("putInlinePolicy", user, signal, () => account.putInlinePolicy(user, policy, document)),
    getInlinePolicy: ({ user, policy, signal }) =>
      call("getInlinePolicy", user, signal, () => account.getInlinePolicy(user, policy)),
    attachPolicy: ({ user, arn, signal }) =>
      call("attachPolicy", user, signal, () => account.attachPolicy(user, arn)),
    addToGroup: ({ user, group, signal }) =>
      call("addToGroup", user, signal, () => account.addToGroup(user, group)),
    createAccessKey: ({ user, signal }) =>
      call("createAccessKey", user, signal, (isLate) => account.createAccessKey(user, isLate)),
    list: ({ user, belonging, signal }) =>
      call("list", `${user} ${belonging}`, signal, () => account.list(user, belonging)),
    remove: ({ user, belonging, id, signal }) =>
      call("remove", `${user} ${belonging} ${id}`, signal, () => account.remove(user, belonging, id)),
    close: () => {},
  };
}
