/** Parameters of a call: texts, lists of texts, and lists of structures. What is undefined is left out. */
export type QueryParameters = Readonly<
  Record<
    string,
    string | number | boolean | undefined | readonly string[] | readonly Readonly<Record<string, string>>[]
  >
>;

/**
 * Writes parameters as AWS's Query protocol spells them: flat, with lists as `Name.member.1` and their structures as
 * `Name.member.1.Field`, an empty list as the bare name. Throws a `URIError` for a text that is not well-formed Unicode.
 */
export function encodeParameters(parameters: QueryParameters): string {
  const pairs: string[] = [];
  const add = (name: string, value: string | number | boolean) =>
    pairs.push(`${name}=${encodeText(String(value))}`);
  for (const [name, value] of Object.entries(parameters)) {
    if (value === undefined) continue;
    if (typeof value !== "object") {
      add(name, value);
      continue;
    }
    if (value.length === 0) add(name, "");
    for (const [index, member] of value.entries()) {
      const at = `${name}.member.${index + 1}`;
      if (typeof member === "string") add(at, member);
      else for (const [field, text] of Object.entries(member)) add(`${at}.${field}`, text);
    }
  }
  return pairs.join("&");
}

/** Encodes a text by RFC 3986, which leaves fewer characters as they are than the language's own function. */
export function encodeText(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
