import type { Backend, BackendContext, BackendType } from "../../core/backend.ts";
import { systemClock } from "../../core/clock.ts";
import type { AwsOptions } from "./aws-options.ts";
import { configLeasePath } from "./config-lease.ts";
import { configRootPath } from "./config-root.ts";
import { credsPath } from "./creds.ts";
import { iamUserType } from "./iam-user.ts";
import { joinUpkeep } from "./join-upkeep.ts";
import { adoptPath } from "./orphans/adopt-path.ts";
import { orphansPath } from "./orphans/orphans-path.ts";
import { tidyPath } from "./orphans/tidy-path.ts";
import { type AwsTraffic, createAwsTraffic } from "./pacing/aws-traffic.ts";
import { rolePath, rolesPath } from "./roles.ts";
import { createRootAccess } from "./root-access.ts";
import { createRootRotation } from "./root-key/root-rotation.ts";
import { rotateRootPath } from "./root-key/rotate-root.ts";
import { staticCredsPath } from "./static/static-creds-path.ts";
import { createStaticRoles } from "./static/static-role.ts";
import { staticRolePath, staticRolesPath } from "./static/static-roles-path.ts";
import { createStaticRotation } from "./static/static-rotation.ts";
import { createSessionCutter } from "./sts/session-cutter.ts";
import { sessionTypes } from "./sts/session-types.ts";
import { stsPath } from "./sts/sts-path.ts";

/** The backend type `aws`: leases of access keys, each of an IAM user of its own. */
export function awsBackend(options: AwsOptions): BackendType {
  const traffic = createAwsTraffic(options);
  return {
    type: "aws",
    summary: "Issues AWS access keys that end.",
    description:
      "Every lease is an IAM user with the permissions of a role. Write a root key to config/root and a role to " +
      "roles/<name>, then read creds/<name>. When the lease ends the access key is deleted, and the user after it.",
    create: (context) => assemble(context, { ...options, traffic }),
  };
}

function assemble(context: BackendContext, aws: AwsOptions & { readonly traffic: AwsTraffic }): Backend {
  const { accessor, storage, leases, liveLeases, liveLeasesOf } = context;
  const access = createRootAccess({ accessor, storage, aws, traffic: aws.traffic });
  const iamUser = iamUserType({ accessor, access, consistencyMs: aws.consistencyMs });
  const cutter = createSessionCutter({ accessor, storage, leases, access });
  const sessions = sessionTypes({ leases, cutter });
  const orphans = { accessor, storage, leases, access, consistencyMs: aws.consistencyMs };
  const { clock = systemClock, consistencyMs } = aws;
  const rotating = { access, leases, clock, consistencyMs };
  const rootRotation = createRootRotation({ storage, ...rotating });
  const staticRoles = createStaticRoles(storage);
  const staticRotation = createStaticRotation({ roles: staticRoles, ...rotating });
  return {
    paths: [
      configRootPath({ storage, access, leases, clock, liveLeases }),
      rotateRootPath(rootRotation),
      configLeasePath(storage),
      rolesPath(storage),
      rolePath({ storage, liveLeasesOf }),
      credsPath({ storage, access, iamUser, sessions }),
      stsPath({ storage, access, types: sessions }),
      orphansPath(orphans),
      tidyPath(orphans),
      adoptPath(orphans),
      staticRolesPath(staticRoles),
      staticRolePath({ roles: staticRoles, rotation: staticRotation, leases }),
      staticCredsPath({ roles: staticRoles, leases }),
    ],
    secretTypes: [iamUser.type, ...Object.values(sessions).map(({ type }) => type)],
    upkeep: joinUpkeep([cutter.tidy, rootRotation.tidy, staticRotation.tidy]),
    close: () => access.close(),
  };
}
