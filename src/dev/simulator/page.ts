import { awsError } from "./aws-error.ts";
import type { XmlObject, XmlValue } from "./xml.ts";

function markerOf(key: string): string {
  return Buffer.from(`v1:${key}`).toString("base64url");
}

function keyOf(marker: string): string {
  const key = Buffer.from(marker, "base64url").toString();
  if (!key.startsWith("v1:")) throw awsError("ValidationError", "Invalid Marker.");
  return key.slice(3);
}

/**
 * Answers one page of a list: the entries after the marker, in the order of their keys, and where to go on.
 *
 * A marker names the last key that was shown, so that a page is right also when entries came or went in between.
 */
export function page<T>(options: {
  readonly field: string;
  readonly entries: Iterable<T>;
  readonly keyOf: (entry: T) => string;
  readonly show: (entry: T) => XmlValue;
  readonly input: { readonly MaxItems: number; readonly Marker: string | undefined };
}): XmlObject {
  const { MaxItems, Marker } = options.input;
  const after = Marker === undefined ? undefined : keyOf(Marker);
  const keyed = Array.from(options.entries, (entry) => ({ key: options.keyOf(entry), entry }))
    .filter(({ key }) => after === undefined || key > after)
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  const shown = keyed.slice(0, MaxItems);
  const last = shown.at(-1);
  const isTruncated = keyed.length > shown.length;
  return {
    [options.field]: shown.map(({ entry }) => options.show(entry)),
    IsTruncated: isTruncated,
    Marker: isTruncated && last !== undefined ? markerOf(last.key) : undefined,
  };
}
