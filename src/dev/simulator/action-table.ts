import type { Action, ServiceName } from "./action.ts";
import { accessKeyActions } from "./actions/access-keys.ts";
import { accountSummaryActions } from "./actions/account-summary.ts";
import { groupActions } from "./actions/groups.ts";
import { holderPolicyActions } from "./actions/holder-policies.ts";
import { loginProfileActions } from "./actions/login-profiles.ts";
import { managedPolicyActions } from "./actions/managed-policies.ts";
import { mfaDeviceActions } from "./actions/mfa-devices.ts";
import { regionActions } from "./actions/regions.ts";
import { roleActions } from "./actions/roles.ts";
import { sessionActions } from "./actions/sessions.ts";
import { simulatePolicyActions } from "./actions/simulate-policy.ts";
import { userBoundaryActions } from "./actions/user-boundaries.ts";
import { userCredentialActions } from "./actions/user-credentials.ts";
import { userActions } from "./actions/users.ts";

const all: Action[] = [
  ...userActions,
  ...userBoundaryActions,
  ...holderPolicyActions,
  ...accessKeyActions,
  ...managedPolicyActions,
  ...groupActions,
  ...loginProfileActions,
  ...userCredentialActions,
  ...mfaDeviceActions,
  ...roleActions,
  ...accountSummaryActions,
  ...simulatePolicyActions,
  ...sessionActions,
  ...regionActions,
];

const byName = new Map(all.map((action) => [`${action.service}:${action.name}`, action]));

/** Every action of the simulator, as `service:Name`. */
export const actionNames: readonly string[] = [...byName.keys()];

/** Finds an action; undefined when the service has none of that name here. */
export function findAction(service: ServiceName, name: string): Action | undefined {
  return byName.get(`${service}:${name}`);
}
