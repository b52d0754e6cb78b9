import { type DefinedSecretType, defineSecretType } from "../../../core/backend.ts";
import { quote } from "../../../core/errors.ts";
import type { MountLeases } from "../../../core/mount-leases.ts";
import { endSession, sessionLeftBehind } from "./end-session.ts";
import { openSession } from "./open-session.ts";
import type { SessionCutter } from "./session-cutter.ts";
import type { SessionHandle } from "./session-handle.ts";
import type { SessionInput } from "./session-input.ts";
import { limited } from "./session-limits.ts";
import { sessionNameLengthMax, sessionNameOf, withLease } from "./session-name.ts";

/** The secret type of sessions of an AWS role. They can be cut off at the role, and not be renewed. */
export function assumedRoleType(options: {
  readonly leases: MountLeases;
  readonly cutter: SessionCutter;
}): DefinedSecretType<SessionInput> {
  const { leases, cutter } = options;
  return defineSecretType<SessionInput, SessionHandle>({
    name: "assumed_role",
    plan({ role, roleArn, sessionName }, { role: roleName, leaseUuid }) {
      const isCut = role.revokeSessions;
      return {
        // One that is to be cut off must not share its name.
        session:
          sessionName === undefined
            ? sessionNameOf(roleName, leaseUuid, sessionNameLengthMax)
            : isCut
              ? withLease(sessionName, leaseUuid)
              : sessionName,
        arn: roleArn ?? "",
        ...(isCut ? { cut: 1 as const } : {}),
      };
    },
    create(handle, context) {
      const { role, root } = context.input;
      const { session: sessionName, arn: roleArn = "" } = handle;
      const { externalId } = role;
      return limited(context, (limits) =>
        openSession(handle, context, {
          leases,
          doing: `assume the role ${quote(roleArn)}`,
          isRepeatable: true,
          open: (call) =>
            root.sessions.sts.assumeRole({ ...call, ...limits, roleArn, sessionName, externalId }),
        }),
      );
    },
    leftBehind: sessionLeftBehind,
    destroy: (handle, context) => endSession(handle, context, cutter),
  });
}
