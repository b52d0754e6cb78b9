import { rootPolicyName } from "../caller.ts";
import { CoreError } from "../errors.ts";
import { durationField, type FieldValues, intField, invalidField, listField, stringField } from "../field.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../json.ts";
import type { LoginGrant } from "../path.ts";

const policyName = { regexp: /^[a-z0-9][a-z0-9._-]{0,127}$/, words: "names of policies" };

/** Longest texts that a token keeps of whoever logged in: as long as those of tokens that are made otherwise. */
const [displayNameMax, metadataTextMax] = [128, 512];

/** The fields that the roles of all login methods have: what comes of a login. The names are those of Vault. */
export const loginTokenFields = {
  token_policies: listField("Names of the policies that the token has.", { item: policyName, countMax: 64 }),
  token_ttl: durationField("TTL of the token; the system's default where not given."),
  token_max_ttl: durationField("Longest life of the token, renewals included; the system's where not given."),
  token_num_uses: intField("How often the token can be used; 0 means no limit.", { min: 0, max: 1_000_000 }),
};

/** Names of these fields. */
export const loginTokenFieldNames = Object.keys(loginTokenFields) as (keyof typeof loginTokenFields)[];

/** What names of roles are made of, and the words for it. */
export const loginRoleNamePattern = {
  regexp: /^[\w+=,.@-]{1,64}$/,
  words: "1 to 64 letters, digits, or one of _+=,.@-",
} as const;

/** A field for the name of a role of a login method. */
export const loginRoleNameField = stringField("Name of the role.", { pattern: loginRoleNamePattern });

/** What the token of a role is, as it is stored. */
export function loginTokenOfFields(fields: FieldValues<typeof loginTokenFields>): JsonObject {
  const { token_policies: policies = [], token_ttl: ttlMs, token_max_ttl: maxTtlMs } = fields;
  if (policies.includes(rootPolicyName))
    throw invalidField("token_policies", 'must not hold "root": nobody logs in to everything.');
  if (ttlMs && maxTtlMs && ttlMs > maxTtlMs)
    throw invalidField("token_ttl", 'must not be more than "token_max_ttl".');
  return {
    token_policies: [...policies],
    token_ttl: (ttlMs ?? 0) / 1000,
    token_max_ttl: (maxTtlMs ?? 0) / 1000,
    token_num_uses: fields.token_num_uses ?? 0,
  };
}

/** The fields of a stored role that are about its token, as they are shown. */
export function shownLoginToken(stored: JsonObject): JsonObject {
  return Object.fromEntries(loginTokenFieldNames.map((name) => [name, stored[name] ?? null]));
}

const positive = (value: JsonValue | undefined): number | undefined =>
  typeof value === "number" && value > 0 ? value : undefined;

/** What a login by a stored role comes to. */
export function loginGrantOf(
  stored: JsonObject,
  who: { readonly displayName: string; readonly metadata: Readonly<Record<string, string>> },
): LoginGrant {
  const { token_policies: policies } = stored;
  const named = Array.isArray(policies) ? policies.map(String) : [];
  const seconds = (name: string) => {
    const value = positive(stored[name]);
    return value === undefined ? undefined : value * 1000;
  };
  const cut = Object.entries(who.metadata).map(([name, text]) => [name, text.slice(0, metadataTextMax)]);
  return {
    displayName: who.displayName.slice(0, displayNameMax),
    metadata: Object.fromEntries(cut),
    policies: [...new Set([...named, "default"])].sort(),
    ttlMs: seconds("token_ttl"),
    maxTtlMs: seconds("token_max_ttl"),
    usesMax: positive(stored.token_num_uses),
  };
}

/**
 * The one answer to every login that is not accepted, whatever is wrong with it: it tells nobody which roles, ids or secrets there
 * are. The reason is for the server's log.
 */
export function loginFailed(reason: string): CoreError {
  return new CoreError(
    "LOGIN_FAILED",
    "The login was not accepted. Check the role, and what was presented: whether it is whole, of this server, and still good.",
    { cause: new Error(reason) },
  );
}

/** The texts of a stored list; none where it is not one. */
export function storedTexts(value: JsonValue | undefined): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

/** The texts of a stored map; none where it is not one. */
export function storedMap(value: JsonValue | undefined): Readonly<Record<string, string>> {
  if (value === undefined || !isJsonObject(value)) return {};
  return Object.fromEntries(Object.entries(value).map(([name, text]) => [name, String(text)]));
}

/** Whether a text fits a pattern in which `*` stands for anything. */
export function fitsGlob(text: string, pattern: string): boolean {
  const [first = "", ...rest] = pattern.split("*");
  const last = rest.pop();
  if (last === undefined) return text === pattern;
  if (!text.startsWith(first) || text.length < first.length + last.length || !text.endsWith(last))
    return false;
  let at = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return at <= text.length - last.length;
}
