/**
 * What an action answers with: a tree whose arrays become lists, whose maps become key and value entries, and whose
 * undefined fields are left out.
 */
export type XmlValue =
  | string
  | number
  | boolean
  | undefined
  | readonly XmlValue[]
  | ReadonlyMap<string, number>
  | XmlObject;

/** A structure of an answer; the order of its fields is the order on the wire. */
export interface XmlObject {
  readonly [field: string]: XmlValue;
}

const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** Escapes text for an XML element; control characters become references, as AWS writes them. */
export function escapeXml(text: string): string {
  return text
    .replace(/[&<>"]/g, (character) => entities[character] ?? character)
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\r]/g, (c) => `&#x${c.charCodeAt(0).toString(16)};`);
}

/**
 * Renders one element.
 *
 * List entries are `member` elements in IAM and STS, `item` in EC2: the protocols differ there.
 */
export function renderXml(name: string, value: XmlValue, listEntry: "member" | "item" = "member"): string {
  if (value === undefined) return "";
  if (Array.isArray(value)) {
    return `<${name}>${value.map((entry) => renderXml(listEntry, entry, listEntry)).join("")}</${name}>`;
  }
  if (value instanceof Map) {
    const entries = Array.from(value, ([key, inner]) => renderXml("entry", { key, value: inner }));
    return `<${name}>${entries.join("")}</${name}>`;
  }
  if (typeof value === "object") {
    let fields = "";
    for (const [field, inner] of Object.entries(value)) fields += renderXml(field, inner, listEntry);
    return `<${name}>${fields}</${name}>`;
  }
  return `<${name}>${escapeXml(String(value))}</${name}>`;
}

/** A time as AWS writes it: ISO 8601 in UTC, cut to the second. */
export function isoTime(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 19)}Z`;
}
