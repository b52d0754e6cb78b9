import { type DefinedSecretType, defineSecretType } from "../../../core/backend.ts";
import type { MountLeases } from "../../../core/mount-leases.ts";
import { endSession, sessionLeftBehind } from "./end-session.ts";
import { openSession } from "./open-session.ts";
import type { SessionCutter } from "./session-cutter.ts";
import type { SessionHandle } from "./session-handle.ts";
import type { SessionInput } from "./session-input.ts";
import { sessionNameLengthMax, sessionNameOf } from "./session-name.ts";

/**
 * The secret type of sessions of the root key's own user, with all its permissions, and with MFA where the role names a device. They can be
 * neither revoked nor renewed.
 */
export function sessionTokenType(options: {
  readonly leases: MountLeases;
  readonly cutter: SessionCutter;
}): DefinedSecretType<SessionInput> {
  const { leases, cutter } = options;
  return defineSecretType<SessionInput, SessionHandle>({
    name: "session_token",
    // AWS gives such sessions no name; this one is for people.
    plan: (_, { role, leaseUuid }) => ({ session: sessionNameOf(role, leaseUuid, sessionNameLengthMax) }),
    create(handle, context) {
      const { role, root, mfaCode } = context.input;
      const { mfaSerialNumber: serialNumber } = role;
      const mfa =
        serialNumber === undefined || mfaCode === undefined ? undefined : { serialNumber, code: mfaCode };
      return openSession(handle, context, {
        leases,
        doing: "get a session token",
        // AWS takes a code once: a second call could only be refused.
        isRepeatable: mfa === undefined,
        open: (call) => root.sessions.sts.getSessionToken({ ...call, mfa }),
      });
    },
    leftBehind: sessionLeftBehind,
    destroy: (handle, context) => endSession(handle, context, cutter),
  });
}
