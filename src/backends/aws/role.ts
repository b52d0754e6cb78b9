import { CoreError, quote } from "../../core/errors.ts";
import { invalidField } from "../../core/field.ts";
import type { JsonObject } from "../../core/json.ts";
import type { MountStorage } from "../../core/mount-storage.ts";
import type { Tags } from "./iam.ts";
import { ownTagCount, reservedTagPrefix } from "./tags.ts";

/** Path of leased users where a role names none. */
export const defaultUserPath = "/leasehold/";

/** A role: what the users of its leases are and may do. */
export interface Role {
  readonly credentialType: "iam_user";
  readonly document: JsonObject | undefined;
  readonly policyArns: readonly string[];
  readonly groups: readonly string[];
  readonly tags: Tags;
  readonly boundaryArn: string | undefined;
  readonly userPath: string;
  /** TTLs in milliseconds; undefined where the role sets none. */
  readonly defaultTtlMs: number | undefined;
  readonly maxTtlMs: number | undefined;
  /** How many leases of the role may live at the same time; undefined where there is no limit. */
  readonly maxLeases: number | undefined;
}

/** What role names are made of, and the words for it. */
export const roleNamePattern = {
  regexp: /^[\w+=,.@-]{1,64}$/,
  words: "1 to 64 letters, digits, or one of _+=,.@-",
} as const;

/** Folder of the stored roles. */
export const roleFolder = "roles/";

/** IAM's limits for a user's tags. Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html */
const tagCountMax = 50 - ownTagCount;
const tagKeyLengthMax = 128;
const tagValueLengthMax = 256;
const tagCharacters = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;

/** Checks what the fields of a role, each well-formed, say together. Throws `INVALID_FIELD`. */
export function checkRole(role: Role): void {
  if (role.document === undefined && role.policyArns.length === 0 && role.groups.length === 0) {
    throw invalidField(
      "policy_document",
      'is missing: a role needs at least one of "policy_document", "policy_arns" and "iam_groups".',
    );
  }
  const { defaultTtlMs, maxTtlMs } = role;
  if (defaultTtlMs !== undefined && maxTtlMs !== undefined && defaultTtlMs > maxTtlMs) {
    throw invalidField(
      "default_ttl",
      `must not be more than "max_ttl": it is ${defaultTtlMs / 1000} s, and "max_ttl" is ${maxTtlMs / 1000} s.`,
    );
  }
  checkTags(role.tags);
}

function checkTags(tags: Tags): void {
  const seen = new Set<string>();
  const entries = Object.entries(tags);
  if (entries.length > tagCountMax) {
    throw invalidField(
      "iam_tags",
      `must hold at most ${tagCountMax} tags, since IAM allows 50 and leasehold sets ${ownTagCount}; it holds ${entries.length}.`,
    );
  }
  for (const [key, value] of entries) {
    const lower = key.toLowerCase();
    if (lower.startsWith(reservedTagPrefix) || lower.startsWith("aws:")) {
      throw invalidField("iam_tags", `must not hold ${quote(key)}: "leasehold:" and "aws:" are reserved.`);
    }
    if (key.length < 1 || key.length > tagKeyLengthMax || value.length > tagValueLengthMax) {
      throw invalidField(
        "iam_tags",
        `has a tag ${quote(key)} that is too long: a key has 1 to ${tagKeyLengthMax} characters, a value at most ${tagValueLengthMax}.`,
      );
    }
    if (!tagCharacters.test(key) || !tagCharacters.test(value)) {
      throw invalidField(
        "iam_tags",
        `has a tag ${quote(key)} with characters other than letters, digits, spaces and _.:/=+-@`,
      );
    }
    if (seen.has(lower))
      throw invalidField("iam_tags", `has the tag ${quote(key)} twice; case does not count.`);
    seen.add(lower);
  }
}

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
  return stored as unknown as Role;
}

/** Stores a role in place of the one that has its name. */
export async function writeRole(storage: MountStorage, name: string, role: Role): Promise<void> {
  // JSON leaves out what is undefined, and a role reads back the same.
  await storage.put(roleFolder + name, role as unknown as JsonObject);
}
