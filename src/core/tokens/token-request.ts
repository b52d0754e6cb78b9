import { type Caller, rootPolicyName } from "../caller.ts";
import { CoreError, quote } from "../errors.ts";
import { invalidField } from "../field.ts";
import { defaultPolicyName } from "../policy/builtin-policies.ts";
import type { TokenRequest } from "./token-view.ts";

const policiesMax = 64;
const nameCharactersMax = 128;
const metadataEntriesMax = 32;
const metadataCharactersMax = 512;
const policyName = /^[a-z0-9][a-z0-9._-]{0,127}$/;
/** What terminals and log readers act on. */
const controlCharacters = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

/** A token to make, checked. Times are in milliseconds. */
export interface CheckedToken {
  readonly displayName: string;
  readonly policies: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly ttlMs: number | undefined;
  readonly maxTtlMs: number | undefined;
  readonly usesMax?: number | undefined;
  readonly isRenewable: boolean;
}

function checkName(field: string, name: string): void {
  if (name.length <= nameCharactersMax && !controlCharacters.test(name)) return;
  throw invalidField(field, `must have at most ${nameCharactersMax} characters, and no control characters.`);
}

function checkPolicies(policies: readonly string[]): void {
  if (policies.length > policiesMax)
    throw invalidField("policies", `must name at most ${policiesMax} policies, not ${policies.length}.`);
  const bad = policies.find((name) => !policyName.test(name));
  if (bad === undefined) return;
  throw invalidField(
    "policies",
    `must name policies: lower-case letters, digits, ".", "_" and "-"; not ${quote(bad)}.`,
  );
}

function checkMetadata(metadata: Readonly<Record<string, string>>): void {
  const entries = Object.entries(metadata);
  if (entries.length > metadataEntriesMax)
    throw invalidField("metadata", `must have at most ${metadataEntriesMax} entries, not ${entries.length}.`);
  for (const [name, value] of entries) {
    checkName("metadata", name);
    if (value.length > metadataCharactersMax || controlCharacters.test(value)) {
      throw invalidField(
        "metadata",
        `must have values of at most ${metadataCharactersMax} characters without control characters, which ${quote(name)} has not.`,
      );
    }
  }
}

/**
 * The policies that a caller can give away: its own, and `default`. Whoever holds `root` can give any; `root` itself only
 * with a TTL or from a token that is root.
 */
function checkGiven(policies: readonly string[], caller: Caller): void {
  if (caller.policies.includes(rootPolicyName)) return;
  const beyond = policies.find((name) => name !== defaultPolicyName && !caller.policies.includes(name));
  if (beyond === undefined) return;
  throw new CoreError(
    "PERMISSION_DENIED",
    `A token can only get policies that its maker has, and yours has not ${quote(beyond)}. Ask for fewer.`,
    { details: { policy: beyond } },
  );
}

/** Checks what a new token is to be. Throws `INVALID_FIELD`, `PERMISSION_DENIED`. */
export function checkTokenRequest(request: TokenRequest, caller: Caller): CheckedToken {
  const { displayName, metadata, ttlMs, maxTtlMs, usesMax, isRenewable } = request;
  checkName("display_name", displayName);
  checkMetadata(metadata);
  const asked = request.policies ?? caller.policies;
  checkPolicies(asked);
  checkGiven(asked, caller);
  if (usesMax !== undefined && !(Number.isSafeInteger(usesMax) && usesMax > 0 && usesMax <= 1_000_000))
    throw invalidField("num_uses", "must be a whole number from 1 to 1000000, or 0 for no limit.");
  const hasDefault = request.isWithoutDefaultPolicy || asked.includes(rootPolicyName);
  const policies = [...new Set(hasDefault ? asked : [...asked, defaultPolicyName])].sort();
  return { displayName, policies, metadata, ttlMs, maxTtlMs, usesMax, isRenewable };
}
