import { CoreError, quote } from "../../core/errors.ts";
import type { JsonObject } from "../../core/json.ts";
import type { MountStorage } from "../../core/mount-storage.ts";
import type { Tags } from "./iam.ts";

/** Path of leased users where a role names none. */
export const defaultUserPath = "/leasehold/";

/** What a role can issue, by the names that `credential_type` takes. */
export const credentialTypes = ["iam_user", "assumed_role", "federation_token", "session_token"] as const;

/** What a role issues: the access key of a new IAM user, or a session of AWS's token service. */
export type CredentialType = (typeof credentialTypes)[number];

/** A role: what the credentials of its leases are and may do. What does not apply to its type has its default. */
export interface Role {
  readonly credentialType: CredentialType;
  /** Inline policy of the user, or session policy. */
  readonly document: JsonObject | undefined;
  /** Managed policies that are attached to the user, or limit the session. */
  readonly policyArns: readonly string[];
  /** Groups that the user joins, or whose policies limit the session. */
  readonly groups: readonly string[];
  /** Tags of the user besides our own. */
  readonly tags: Tags;
  readonly boundaryArn: string | undefined;
  readonly userPath: string;
  /** ARNs of the roles that can be assumed; the first is the default. */
  readonly roleArns: readonly string[];
  /** Sent with AssumeRole. */
  readonly externalId: string | undefined;
  /** Tags of the session. */
  readonly sessionTags: Tags;
  /** MFA device of the root key, for `session_token`. */
  readonly mfaSerialNumber: string | undefined;
  /** The end of a lease cuts its session off at the assumed role. */
  readonly revokeSessions: boolean;
  /** The user carries the statement that denies everything once its lease is over. */
  readonly deadMansSwitch: boolean;
  /** How long after the expiry that statement denies; undefined where the mount decides. */
  readonly guardGraceMs: number | undefined;
  /** TTLs in milliseconds; undefined where the role sets none. */
  readonly defaultTtlMs: number | undefined;
  readonly maxTtlMs: number | undefined;
  /** How many leases of the role may live at the same time; undefined where there is no limit. */
  readonly maxLeases: number | undefined;
}

/** A role that says nothing. What a stored role lacks, written before there was such a field, is as it is here. */
export const bareRole: Role = {
  credentialType: "iam_user",
  document: undefined,
  policyArns: [],
  groups: [],
  tags: {},
  boundaryArn: undefined,
  userPath: defaultUserPath,
  roleArns: [],
  externalId: undefined,
  sessionTags: {},
  mfaSerialNumber: undefined,
  revokeSessions: false,
  deadMansSwitch: true,
  guardGraceMs: undefined,
  defaultTtlMs: undefined,
  maxTtlMs: undefined,
  maxLeases: undefined,
};

/** What role names are made of, and the words for it. */
export const roleNamePattern = {
  regexp: /^[\w+=,.@-]{1,64}$/,
  words: "1 to 64 letters, digits, or one of _+=,.@-",
} as const;

/** Folder of the stored roles. */
export const roleFolder = "roles/";

/** Reads a stored role. Throws `NO_SUCH_ROLE`, saying how to find those there are. */
export async function readRole(
  storage: MountStorage,
  request: { readonly name: string; readonly mountPath: string },
): Promise<Role> {
  const { name, mountPath } = request;
  const stored = await storage.get(roleFolder + name);
  if (stored === undefined) {
    throw new CoreError(
      "NO_SUCH_ROLE",
      `There is no role ${quote(name)} at ${quote(mountPath)}. List the roles at "${mountPath}/roles/", or write this one to "${mountPath}/roles/${name}".`,
      { details: { role: name, path: `${mountPath}/roles/${name}` } },
    );
  }
  // Sealed, and written by writeRole alone.
  return { ...bareRole, ...(stored as unknown as Partial<Role>) };
}

/** Stores a role in place of the one that has its name. */
export async function writeRole(storage: MountStorage, name: string, role: Role): Promise<void> {
  // JSON leaves out what is undefined, and a role reads back the same.
  await storage.put(roleFolder + name, role as unknown as JsonObject);
}
