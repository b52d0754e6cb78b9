import { type Field, invalidField, jsonField, mapField } from "../../core/field.ts";
import type { JsonObject, JsonValue } from "../../core/json.ts";
import { fitsGlob } from "../../core/login/login-role.ts";

/** The claims of a token. */
export type Claims = Readonly<Record<string, unknown>>;

const boundMax = 50;
const wantedMax = 100;
const mappingsMax = 30;
const metadataName = /^[\w.-]{1,64}$/;

/** What a claim holds; a name that begins with a slash is a JSON pointer into objects: `/kubernetes.io/namespace`. */
export function claimOf(claims: Claims, name: string): unknown {
  const parts = name.startsWith("/")
    ? name
        .slice(1)
        .split("/")
        .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))
    : [name];
  let value: unknown = claims;
  for (const part of parts) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, part)) return undefined;
    value = Reflect.get(value, part);
  }
  return value;
}

/** The texts that a claim stands for: itself, or its items. Objects stand for none, so that nothing fits them by accident. */
export function claimTexts(value: unknown): readonly string[] {
  return (Array.isArray(value) ? value : [value])
    .filter((one) => ["string", "number", "boolean"].includes(typeof one))
    .map(String);
}

/** What each of some claims must be: one of the listed texts. */
export function boundClaimsField(description: string): Field<JsonObject> {
  const [asJson, asMap] = [jsonField(description), mapField(description)];
  const isObject = (value: JsonValue) =>
    (typeof value === "object" && !Array.isArray(value)) ||
    (typeof value === "string" && value.trimStart().startsWith("{"));
  return {
    ...asJson,
    parse(value, name) {
      const given: JsonObject = isObject(value) ? asJson.parse(value, name) : asMap.parse(value, name);
      const entries = Object.entries(given).map(([claim, wanted]) => {
        const items = claimTexts(wanted);
        const isWhole = !Array.isArray(wanted) || items.length === wanted.length;
        if (items.length === 0 || items.length > wantedMax || !isWhole || claim === "")
          throw invalidField(name, `must hold a text, or a list of 1 to ${wantedMax} texts, for each claim.`);
        return [claim, items] as const;
      });
      if (entries.length > boundMax)
        throw invalidField(name, `must hold at most ${boundMax} claims; it holds ${entries.length}.`);
      return Object.fromEntries(entries);
    },
  };
}

/** Checks which claims are kept with a token, and under which names. Throws `INVALID_FIELD`. */
export function checkClaimMappings(mappings: Readonly<Record<string, string>>): void {
  const field = "claim_mappings";
  const names = Object.values(mappings);
  if (names.length > mappingsMax)
    throw invalidField(field, `must hold at most ${mappingsMax} claims; it holds ${names.length}.`);
  if (names.some((name) => !metadataName.test(name)))
    throw invalidField(field, "must give names of 1 to 64 letters, digits, or one of _.-");
  if (names.includes("role")) throw invalidField(field, 'must not give the name "role", which is taken.');
  if (new Set(names).size < names.length) throw invalidField(field, "must not give one name to two claims.");
}

/** Why the claims of a token are not those that a role asks for; undefined where they are. */
export function claimsMisfit(
  claims: Claims,
  role: { readonly subject: string; readonly bound: JsonObject; readonly isGlob: boolean },
): string | undefined {
  const { subject, bound, isGlob } = role;
  if (subject !== "" && claims.sub !== subject) return "The subject is another one.";
  for (const [name, wanted] of Object.entries(bound)) {
    const have = claimTexts(claimOf(claims, name));
    const isMet = claimTexts(wanted).some((want) =>
      have.some((one) => (isGlob ? fitsGlob(one, want) : one === want)),
    );
    if (!isMet) return `The claim ${JSON.stringify(name)} is another one.`;
  }
  return undefined;
}
