import type { DefinedSecretType } from "../../../core/backend.ts";
import type { MountLeases } from "../../../core/mount-leases.ts";
import type { CredentialType } from "../role.ts";
import { assumedRoleType } from "./assumed-role.ts";
import { federationTokenType } from "./federation-token.ts";
import type { SessionCutter } from "./session-cutter.ts";
import type { SessionInput } from "./session-input.ts";
import { sessionTokenType } from "./session-token.ts";

/** The credential types that are sessions. */
export type SessionCredentialType = Exclude<CredentialType, "iam_user">;

/** Secret types of sessions by their credential type. */
export type SessionTypes = Readonly<Record<SessionCredentialType, DefinedSecretType<SessionInput>>>;

/** Makes the secret types of sessions. */
export function sessionTypes(options: {
  readonly leases: MountLeases;
  readonly cutter: SessionCutter;
}): SessionTypes {
  return {
    assumed_role: assumedRoleType(options),
    federation_token: federationTokenType(options),
    session_token: sessionTokenType(options),
  };
}
