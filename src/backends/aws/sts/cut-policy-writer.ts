import { randomBytes } from "node:crypto";
import { RetryLater } from "../../../core/backend.ts";
import { CoreError, quote } from "../../../core/errors.ts";
import type { MountLeases } from "../../../core/mount-leases.ts";
import { isAwsFailure } from "../aws-failure.ts";
import { retryAfterMs } from "../revocation.ts";
import type { OpenRoot } from "../root-access.ts";
import { partsOfRoleArn } from "./aws-role-arn.ts";
import type { CutLedger } from "./cut-ledger.ts";
import { cutPolicyName, cutPolicyOf, rolePolicyCharactersMax } from "./cut-policy.ts";
import { type CutSessions, cutAllBefore } from "./cut-sessions.ts";
import { giveBackRight, isHeldByOther, noteWritten, takeRight } from "./write-right.ts";

/** How often, and after which pause, it is looked whether whoever writes the policy has done so. */
const looksMax = 15;
const lookAfterMs = 150;

/** How long a call may wait for its turn, and last: less than the right to write holds. */
const sendMsMax = 8000;

/** Writes what is cut off into the policies of AWS roles. */
export interface CutPolicyWriter {
  /**
   * Has a version written, by us or by another server, and answers the state that AWS has acknowledged. Rejects with `AwsFailure`, and
   * with `RetryLater` where another server takes long.
   */
  write(arn: string, version: number, root: OpenRoot): Promise<CutSessions>;
}

/**
 * Makes the writer of one mount. A policy that is written from an older state would let sessions in again, so one at a time writes, by a right
 * that is stored with the state and runs out.
 */
export function createCutPolicyWriter(options: {
  readonly accessor: string;
  readonly ledger: CutLedger;
  readonly leases: MountLeases;
}): CutPolicyWriter {
  const { accessor, ledger, leases } = options;
  const policy = cutPolicyName(accessor);

  const send = async (state: CutSessions, root: OpenRoot): Promise<"written" | "too large"> => {
    const { name: role } = partsOfRoleArn(state.arn);
    const { policies } = root.sessions;
    const document = cutPolicyOf(state);
    // Nobody's leaving is a reason to stop half-way, but nothing is sent that may arrive after the right has run out.
    const signal = AbortSignal.timeout(sendMsMax);
    if (document !== undefined && document.length > rolePolicyCharactersMax) return "too large";
    try {
      if (document === undefined) await policies.deleteRolePolicy({ role, policy, signal });
      else await policies.putRolePolicy({ role, policy, document, signal });
    } catch (error) {
      // Without the role its sessions can do nothing, and without the policy there is nothing to take away.
      if (isAwsFailure(error, "absent")) return "written";
      const isFull = isAwsFailure(error) && error.code === "LimitExceeded";
      if (isFull && Object.keys(state.endsAtMs).length > 0) return "too large";
      throw error;
    }
    return "written";
  };

  /** Writes what is current, by a right that is held. Answers the version that is to be acknowledged after that. */
  const writeByRight = async (state: CutSessions, id: string, root: OpenRoot): Promise<number> => {
    const { arn, version } = state;
    try {
      if ((await send(state, root)) === "too large") {
        const nowMs = await leases.nowMs();
        return (await ledger.change(arn, (now) => cutAllBefore(now, nowMs))).version;
      }
    } catch (error) {
      // Where nobody knows what came of the call it may still arrive, and the right has to run out first.
      if (!isAwsFailure(error, "unknown")) await ledger.change(arn, (now) => giveBackRight(now, id));
      throw error;
    }
    const after = await ledger.change(arn, (now) => noteWritten(now, { id, version }));
    return after.written === version ? version : after.version;
  };

  return {
    async write(arn, atLeast, root) {
      const id = randomBytes(9).toString("base64url");
      let version = atLeast;
      for (let looks = 0; looks < looksMax; looks++) {
        const seen = await ledger.read(arn);
        if (seen.written >= version) return seen;
        const nowMs = await leases.nowMs();
        if (isHeldByOther(seen, id, nowMs)) {
          await root.clock.sleep(lookAfterMs);
          continue;
        }
        const state = await ledger.change(arn, (now) => takeRight(now, { id, version, nowMs }));
        if (state.written < version && state.writer?.id === id) version = await writeByRight(state, id, root);
      }
      throw beingWritten(arn);
    },
  };
}

function beingWritten(arn: string): RetryLater {
  const message = `Another server writes which sessions of ${quote(arn)} are cut off. The revocation goes on by itself.`;
  const reason = new CoreError("REVOCATION_PENDING", message, { details: { role_arn: arn } });
  return new RetryLater(reason, retryAfterMs());
}
