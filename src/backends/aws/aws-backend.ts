import type { Backend, BackendContext, BackendType } from "../../core/backend.ts";
import type { AwsOptions } from "./aws-options.ts";
import { configLeasePath } from "./config-lease.ts";
import { configRootPath } from "./config-root.ts";
import { credsPath } from "./creds.ts";
import { iamUserType } from "./iam-user.ts";
import { rolePath, rolesPath } from "./roles.ts";
import { createRootAccess } from "./root-access.ts";

/** The backend type `aws`: leases of access keys, each of an IAM user of its own. */
export function awsBackend(options: AwsOptions): BackendType {
  return {
    type: "aws",
    summary: "Issues AWS access keys that end.",
    description:
      "Every lease is an IAM user with the permissions of a role. Write a root key to config/root and a role to " +
      "roles/<name>, then read creds/<name>. When the lease ends the access key is deleted, and the user after it.",
    create: (context) => assemble(context, options),
  };
}

function assemble({ accessor, storage, liveLeases }: BackendContext, aws: AwsOptions): Backend {
  const access = createRootAccess({ storage, aws });
  const iamUser = iamUserType({ accessor, access, consistencyMs: aws.consistencyMs });
  return {
    paths: [
      configRootPath({ storage, access, liveLeases }),
      configLeasePath(storage),
      rolesPath(storage),
      rolePath(storage),
      credsPath({ storage, access, iamUser }),
    ],
    secretTypes: [iamUser.type],
    close: () => access.close(),
  };
}
