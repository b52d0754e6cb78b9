import type { JsonObject } from "./json.ts";
import { type LeaseIdentity, leasePath, leaseUuid } from "./lease.ts";

/** What is sealed of a lease: all that its key does not tell, and what a revocation needs. */
export type SealedFields = Omit<LeaseIdentity, "id" | "path" | "accessor"> & { readonly handle: JsonObject };

const schemaVersion = 2;
/** Stands for a lease whose secret was never made anew; no time after it was issued is this. */
const never = -1;

/**
 * Phrases that one byte stands for, longest first where one holds another. They only make values short: what has none
 * of them is stored right as well. What is stored depends on their order, so that a change needs another schema version.
 */
const phrases: readonly string[] = [
  '","iam_user",{"user":"leasehold-',
  '","document":1,"key":"AKIA',
  '"arns":["arn:aws:iam::aws:policy/',
  "arn:aws:iam::",
  '","account":"',
  '","document":1',
  '","key":"AKIA',
  '"groups":["',
  '"path":"/',
  '"unlisted":1',
  '"sent":1',
  "leasehold-",
  '",{"user":"',
  '["root","',
  '","',
  '":"',
  '"}]',
  '"]}]',
];

/**
 * Writes the fields of a lease as bytes: the schema version, four numbers, and a JSON text with phrases put short. A million leases
 * lie in memory, and every byte of this counts in each.
 */
export function encodeSealedFields(id: string, fields: SealedFields): Buffer {
  const { issuedAtMs, ttlMs, maxExpiresAtMs, reissuedAtMs, caller, role, secretType, handle } = fields;
  const issued = Math.floor(issuedAtMs);
  const reissuedAfterMs = reissuedAtMs === undefined ? never : Math.max(0, reissuedAtMs - issued);
  const numbers = [issued, ttlMs, maxExpiresAtMs - issued, reissuedAfterMs];
  const text = JSON.stringify([caller, role, secretType, handle]);
  const bytes = [schemaVersion, ...numbers.flatMap((number) => varint(Math.floor(number)))];
  return Buffer.concat([Buffer.from(bytes), Buffer.from(shorten(text, wordsOf(id)))]);
}

/** Reads what `encodeSealedFields` wrote for the same id. Throws for another schema version. */
export function decodeSealedFields(id: string, bytes: Uint8Array): SealedFields {
  const version = bytes[0];
  if (version !== schemaVersion)
    throw new Error(`Lease ${JSON.stringify(id)} has schema ${version}, not ${schemaVersion}.`);
  const reader = { bytes, at: 1 };
  const issuedAtMs = readVarint(reader);
  const ttlMs = readVarint(reader);
  const maxExpiresAtMs = issuedAtMs + readVarint(reader);
  const reissuedAfterMs = readVarint(reader);
  const text = lengthen(Buffer.from(bytes.subarray(reader.at)).toString(), wordsOf(id));
  const [caller, role, secretType, handle]: [string, string, string, JsonObject] = JSON.parse(text);
  return {
    ...{ role, caller, secretType, issuedAtMs, ttlMs, maxExpiresAtMs },
    ...(reissuedAfterMs === never ? {} : { reissuedAtMs: issuedAtMs + reissuedAfterMs }),
    handle,
  };
}

/** What the id of a lease tells, which its handle often tells again; then the phrases. */
function wordsOf(id: string): readonly string[] {
  const [path, uuid] = [leasePath(id), leaseUuid(id)];
  return [uuid, uuid.replaceAll("-", ""), path, path.slice(path.lastIndexOf("/") + 1), ...phrases];
}

/** Stands for a word. JSON texts have no characters of this kind: they are written as escapes. */
const sign = (at: number): string => String.fromCharCode(at + 1);

function shorten(text: string, words: readonly string[]): string {
  return words.reduce((short, word, at) => (word === "" ? short : short.replaceAll(word, sign(at))), text);
}

function lengthen(text: string, words: readonly string[]): string {
  return words.reduceRight((long, word, at) => long.replaceAll(sign(at), () => word), text);
}

/** A whole number in groups of seven bits, lowest first, the sign in the lowest bit. */
function varint(number: number): number[] {
  const bytes: number[] = [];
  let rest = number < 0 ? -2 * number - 1 : 2 * number;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return [...bytes, rest];
}

function readVarint(reader: { readonly bytes: Uint8Array; at: number }): number {
  let value = 0;
  for (let factor = 1; ; factor *= 128) {
    const byte = reader.bytes[reader.at++];
    if (byte === undefined) throw new Error("The sealed part of a lease ends too early.");
    value += (byte % 128) * factor;
    if (byte < 128) return value % 2 === 1 ? -(value + 1) / 2 : value / 2;
  }
}
