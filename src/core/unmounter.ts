import { waitUntilMs } from "./answer-time.ts";
import type { Barrier } from "./barrier.ts";
import type { LeaseStore } from "./lease-store.ts";
import { viewStoredLease } from "./lease-view.ts";
import type { MassRevoker } from "./mass-revoker.ts";
import type { Mount } from "./mount.ts";
import type { MountTable } from "./mount-table.ts";
import type { OperatorMarks } from "./operator-mark.ts";
import { normalizeMountPath } from "./request-path.ts";
import type { Operations } from "./requests.ts";
import type { Storage } from "./storage.ts";
import type { Telemetry } from "./telemetry.ts";

const leftShownMax = 100;

/** What the unmounter works with. */
export interface UnmounterOptions {
  readonly mounts: MountTable;
  readonly leases: LeaseStore;
  readonly storage: Storage;
  readonly barrier: Barrier;
  readonly massRevoker: MassRevoker;
  readonly marks: OperatorMarks;
  readonly telemetry: Telemetry;
}

/** Takes mounts away, without ever losing a lease of theirs. */
export interface Unmounter {
  /** Makes the mount durably `unmounting`, revokes until the deadline, and says what is left. */
  unmount(
    path: string,
    options: { readonly signal: AbortSignal; readonly deadlineMs: number },
  ): Promise<Operations["unmount"]["output"]>;
  /** Goes on with every mount that is being unmounted; called again and again by every server. */
  goOn(signal: AbortSignal): Promise<void>;
}

/** Makes the unmounter. */
export function createUnmounter(options: UnmounterOptions): Unmounter {
  const { mounts, leases, storage, barrier, massRevoker, marks, telemetry } = options;

  /** Everything of a mount goes only once no lease is left, and its record goes last: until then the path is taken. */
  const removeIfEmpty = async (mount: Mount): Promise<boolean> => {
    const { accessor } = mount.record;
    // First, or another server would take the mount for one that was lost.
    await marks.noteUnmount(accessor);
    if (!(await leases.forgetMount(accessor))) return false;
    await storage.clear(accessor);
    await mounts.remove(mount);
    return true;
  };

  return {
    async unmount(path, { signal, deadlineMs }) {
      const mount = await mounts.change(normalizeMountPath(path), (record) => ({
        ...record,
        state: "unmounting",
      }));
      const { accessor } = mount.record;
      await leases.setMountState(accessor, "unmounting");
      const states = ["issuing", "active", "revoking", "irrevocable"] as const;
      const untilMs = waitUntilMs(deadlineMs);
      const { revoked } = await massRevoker.revokeAll({ mount, prefix: "", states, untilMs, signal });
      if (await removeIfEmpty(mount)) return { revoked, pending: 0, left: [] };
      const nowMs = await leases.nowMs();
      const left = await leases.list(accessor, { prefix: "", after: "", limit: leftShownMax });
      const pending = await leases.countPrefix(accessor, "");
      return { revoked, pending, left: left.map((stored) => viewStoredLease(barrier, stored, nowMs)) };
    },
    async goOn(signal) {
      for (const mount of mounts.all()) {
        if (mount.record.state !== "unmounting" || signal.aborted) continue;
        try {
          // Again, in case the server that began died between the two writes.
          await leases.setMountState(mount.record.accessor, "unmounting");
          const { byState } = await leases.count(mount.record.accessor);
          if (byState.issuing || byState.active)
            await massRevoker.takeAll({ mount, prefix: "", states: ["issuing", "active"] });
          await removeIfEmpty(mount);
        } catch (error) {
          telemetry.backgroundFailed(`unmounting ${mount.path}`, error);
        }
      }
    },
  };
}
