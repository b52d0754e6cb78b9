import { quote } from "../../../core/errors.ts";
import type { JsonObject } from "../../../core/json.ts";
import type { MountStorage } from "../../../core/mount-storage.ts";
import { arnWithoutPath } from "./aws-role-arn.ts";
import { type CutSessions, nothingCut } from "./cut-sessions.ts";

/** Folder of what is cut off, one entry for each AWS role. */
const folder = "revoked-sessions/";

/** What is cut off, by AWS role, as the storage of a mount has it for all servers. */
export interface CutLedger {
  read(arn: string): Promise<CutSessions>;
  /** Writes what `by` makes of the state as it is, so that no change of others is lost. */
  change(arn: string, by: (state: CutSessions) => CutSessions): Promise<CutSessions>;
  /** ARNs, without the path, of the AWS roles that have had sessions cut off. */
  roles(): Promise<readonly string[]>;
}

/** Makes the ledger of one mount. */
export function createCutLedger(storage: MountStorage): CutLedger {
  // Names of entries have no slash. A role that was made anew below another path has the same policy, and so the same entry: by
  // two of them one would be written over the other.
  const entryOf = (arn: string) => folder + encodeURIComponent(arnWithoutPath(arn));
  return {
    read: async (arn) => stateOf(await storage.get(entryOf(arn)), arn),
    async change(arn, by) {
      // An unmount revokes as well.
      const options = { whileUnmounting: true };
      return stateOf(await storage.update(entryOf(arn), (stored) => by(stateOf(stored, arn)), options), arn);
    },
    roles: async () => (await storage.list(folder)).map(decodeURIComponent),
  };
}

/** The entry is sealed, and written by `change` alone. */
function stateOf(stored: JsonObject | undefined, arn: string): CutSessions {
  if (stored === undefined) return nothingCut(arn);
  const state = stored as unknown as CutSessions;
  if (arnWithoutPath(state.arn) === arnWithoutPath(arn)) return state;
  throw new Error(`The sessions that are cut off for ${quote(state.arn)} are stored for ${quote(arn)}.`);
}
