import { viewMount } from "./mount.ts";
import type { MountTable } from "./mount-table.ts";
import type { Operates } from "./operate.ts";
import { normalizeMountPath } from "./request-path.ts";
import { changedTuning } from "./tuning.ts";
import type { Unmounter } from "./unmounter.ts";

/** What the operations on mounts work with. */
export interface MountOperationsOptions {
  readonly mounts: MountTable;
  readonly unmounter: Unmounter;
  /** Called when the mounts have changed. */
  readonly onMountsChanged: () => void;
}

/** Makes the operations on mounts. */
export function mountOperations(
  options: MountOperationsOptions,
): Operates<"mount" | "unmount" | "listMounts" | "tuneMount"> {
  const { mounts, unmounter, onMountsChanged } = options;
  return {
    async mount(input) {
      const mount = await mounts.add(input);
      onMountsChanged();
      return viewMount(mount);
    },
    async unmount({ path }, { signal, deadlineMs }) {
      const answer = await unmounter.unmount(path, { signal, deadlineMs });
      onMountsChanged();
      return answer;
    },
    async listMounts() {
      await mounts.refresh();
      return mounts
        .all()
        .filter(({ isBuiltIn }) => !isBuiltIn)
        .map(viewMount);
    },
    async tuneMount({ path, description, tuning }) {
      const mount = await mounts.change(normalizeMountPath(path), (record) => ({
        ...record,
        description: description ?? record.description,
        tuning: changedTuning(record.tuning, tuning),
      }));
      return viewMount(mount);
    },
  };
}
