import type { Role } from "../../../../src/backends/aws/role.ts";
import type { SecretWorld } from "../../../conformance/secret-scene.ts";
import { secretTypeConformance } from "../../../conformance/secret-type.ts";
import { awsFailure } from "../../../kit/fake-iam.ts";
import { mountSessions, newIds, readerRole } from "./mounted-sessions.ts";

/**
 * The world of a session. Whatever else AWS has made, its credentials were told to nobody. One that cannot be
 * cut off lives on until AWS ends it, so that the end of its lease leaves nothing to look at.
 */
function worldOf(role: Partial<Role>) {
  const canBeCutOff = role.revokeSessions === true;
  return async (): Promise<SecretWorld> => {
    const { aws, sts, issueOf, role: write } = await mountSessions();
    await write("deploy", role);
    const { input, secretType } = await issueOf("creds/deploy");
    const type = aws.secretTypes.find(({ name }) => name === secretType);
    if (type === undefined) throw new Error(`There is no secret type ${secretType}.`);
    let since = sts.calls.length;
    const failAt = (fault: (call: number) => ReturnType<typeof sts.knobs.fault>) => {
      sts.knobs.fault = ({ number }) => fault(number - since);
    };
    return {
      type,
      input,
      ids: newIds("deploy"),
      nowMs: aws.clock.nowMs,
      advance: aws.clock.advance,
      consistencyMs: 0,
      working: () =>
        sts.held().map(({ credentials: { accessKey, secretKey, sessionToken } }) => ({
          access_key: accessKey,
          secret_key: secretKey,
          security_token: sessionToken,
        })),
      isEmpty: () => !canBeCutOff || sts.working().length === 0,
      calls: () => sts.calls.length - since,
      reset() {
        since = sts.calls.length;
        sts.knobs.fault = () => undefined;
      },
      loseReply: (at) => failAt((call) => (call === at ? "lost reply" : undefined)),
      throttle: (at) =>
        failAt((call) => (call === at ? awsFailure("throttled", "Throttling", "Rate exceeded") : undefined)),
      crash: (at) => failAt((call) => (call >= at ? awsFailure("unknown", "Crashed") : undefined)),
    };
  };
}

secretTypeConformance(
  "assumed_role of a role that cuts its sessions off",
  worldOf({ ...readerRole, revokeSessions: true }),
);
secretTypeConformance("assumed_role of a role whose sessions live on", worldOf(readerRole));
secretTypeConformance(
  "federation_token",
  worldOf({ credentialType: "federation_token", policyArns: ["arn:aws:iam::aws:policy/ReadOnlyAccess"] }),
);
secretTypeConformance("session_token", worldOf({ credentialType: "session_token" }));
