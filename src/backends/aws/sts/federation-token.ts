import { type DefinedSecretType, defineSecretType } from "../../../core/backend.ts";
import type { MountLeases } from "../../../core/mount-leases.ts";
import { endSession, sessionLeftBehind } from "./end-session.ts";
import { openSession } from "./open-session.ts";
import type { SessionCutter } from "./session-cutter.ts";
import type { SessionHandle } from "./session-handle.ts";
import type { SessionInput } from "./session-input.ts";
import { limited } from "./session-limits.ts";
import { federationNameLengthMax, sessionNameOf } from "./session-name.ts";

/**
 * The secret type of federated users: sessions with those permissions of the root key's own user that the session policy allows. They can
 * be neither revoked nor renewed.
 */
export function federationTokenType(options: {
  readonly leases: MountLeases;
  readonly cutter: SessionCutter;
}): DefinedSecretType<SessionInput> {
  const { leases, cutter } = options;
  return defineSecretType<SessionInput, SessionHandle>({
    name: "federation_token",
    plan: (_, { role, leaseUuid }) => ({ session: sessionNameOf(role, leaseUuid, federationNameLengthMax) }),
    create(handle, context) {
      const { sts } = context.input.root.sessions;
      const { session: name } = handle;
      return limited(context, (limits) =>
        openSession(handle, context, {
          leases,
          doing: `get a federation token for "${name}"`,
          isRepeatable: true,
          open: (call) => sts.getFederationToken({ ...call, ...limits, name }),
        }),
      );
    },
    leftBehind: sessionLeftBehind,
    destroy: (handle, context) => endSession(handle, context, cutter),
  });
}
