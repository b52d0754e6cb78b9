import { RetryLater } from "../../../core/backend.ts";
import { CoreError, quote } from "../../../core/errors.ts";
import type { MountLeases } from "../../../core/mount-leases.ts";
import type { MountStorage } from "../../../core/mount-storage.ts";
import { revocationError } from "../revocation.ts";
import type { OpenRoot, RootAccess } from "../root-access.ts";
import { partsOfRoleArn } from "./aws-role-arn.ts";
import { createCutLedger } from "./cut-ledger.ts";
import { createCutPolicyWriter } from "./cut-policy-writer.ts";
import { addCut, type CutSession, type CutSessions, pruneCut } from "./cut-sessions.ts";
import { isHeldByOther } from "./write-right.ts";

/** How a session was cut off: alone, or with all sessions of its role that were issued until then. */
export type CutOutcome = "alone" | "with all";

/** Cuts sessions off at the AWS roles they are of, by an inline policy of each role. */
export interface SessionCutter {
  /**
   * Denies everything to a session. Resolves once AWS has acknowledged it. Rejects with `RetryLater` where AWS or another server
   * needs time, and with the error for what AWS refused.
   */
  cut(arn: string, session: CutSession): Promise<CutOutcome>;
  /** Takes sessions that have ended off the policies, and finishes what a server has left half-done. */
  tidy(context: { readonly signal: AbortSignal }): Promise<void>;
}

interface Waiting {
  readonly session: CutSession;
  readonly resolve: (outcome: CutOutcome) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Makes the cutter of one mount. What is denied is stored before the policy is written from it, so that several servers, each
 * with several leases to end, lose none. Sessions that come while a policy is being written share the next one.
 */
export function createSessionCutter(options: {
  readonly accessor: string;
  readonly storage: MountStorage;
  readonly leases: MountLeases;
  readonly access: RootAccess;
}): SessionCutter {
  const { accessor, storage, leases, access } = options;
  const ledger = createCutLedger(storage);
  const writer = createCutPolicyWriter({ accessor, ledger, leases });
  const waiting = new Map<string, Waiting[]>();

  /** The root credentials, if they are of the account of a role: another's would write to a role of the same name. */
  const ownRoot = async (arn: string, part: "disarm" | "tidy"): Promise<OpenRoot> => {
    const { signal } = new AbortController();
    const root = await access.withAccount(await access.openToRevoke(part), signal);
    if (root.account === partsOfRoleArn(arn).account) return root;
    throw otherAccount(arn, root.account);
  };

  const cutTogether = async (arn: string, sessions: readonly CutSession[]): Promise<CutSessions> => {
    const root = await ownRoot(arn, "disarm");
    const nowMs = await leases.nowMs();
    const { version } = await ledger.change(arn, (state) => addCut(state, sessions, nowMs));
    return await writer.write(arn, version, root);
  };

  const work = async (arn: string): Promise<void> => {
    for (;;) {
      const batch = waiting.get(arn) ?? [];
      if (batch.length === 0) break;
      waiting.set(arn, []);
      try {
        const state = await cutTogether(
          arn,
          batch.map(({ session }) => session),
        );
        for (const { session, resolve } of batch)
          resolve(state.before !== undefined && !(session.name in state.endsAtMs) ? "with all" : "alone");
      } catch (error) {
        for (const { reject } of batch) reject(revocationError(error, `cut off sessions of ${quote(arn)}`));
      }
    }
    waiting.delete(arn);
  };

  const tidyRole = async (arn: string): Promise<void> => {
    const nowMs = await leases.nowMs();
    const state = await ledger.read(arn);
    const isTidy = pruneCut(state, nowMs) === state && state.written >= state.version;
    if (isTidy || isHeldByOther(state, "", nowMs)) return;
    const root = await ownRoot(arn, "tidy");
    const { version } = await ledger.change(arn, (now) => pruneCut(now, nowMs));
    await writer.write(arn, version, root);
  };

  return {
    cut: (arn, session) =>
      new Promise((resolve, reject) => {
        const queue = waiting.get(arn);
        if (queue) return void queue.push({ session, resolve, reject });
        waiting.set(arn, [{ session, resolve, reject }]);
        void work(arn);
      }),
    async tidy({ signal }) {
      let failure: unknown;
      for (const arn of await ledger.roles()) {
        if (signal.aborted) return;
        await tidyRole(arn).catch((error: unknown) => {
          const told = revocationError(
            error,
            `take sessions that have ended off the policy of ${quote(arn)}`,
          );
          // The next round is soon.
          if (!(told instanceof RetryLater)) failure ??= told;
        });
      }
      if (failure !== undefined) throw failure;
    },
  };
}

function otherAccount(arn: string, account: string | undefined): CoreError {
  const now = account === undefined ? "is not known" : `is ${account}`;
  return new CoreError(
    "BACKEND_REFUSED",
    `Cannot cut off a session of ${quote(arn)}: the account of the root credentials ${now}, and only an account's own roles can be ` +
      'written to. Write root credentials of that account to "config/root"; the session ends by itself at its time.',
    { details: { role_arn: arn } },
  );
}
