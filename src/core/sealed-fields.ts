import type { JsonObject } from "./json.ts";
import { type LeaseIdentity, leasePath, leaseUuid } from "./lease.ts";

/** What is sealed of a lease: all that its key does not tell, and what a revocation needs. */
export type SealedFields = Omit<LeaseIdentity, "id" | "path" | "accessor"> & { readonly handle: JsonObject };

/** Version of how the fields are written. */
export const sealedFieldsSchema = 3;

/** What is usual is told by a bit of the first byte, beside the version, and left out. */
const bits = { isRootCaller: 16, isRoleOfPath: 32, isMaxInSeconds: 64, isReissued: 128 } as const;
const versionOf = (firstByte: number): number => firstByte % 16;
const rootCaller = "root";
const secondMs = 1000;

/**
 * Pieces of JSON that one byte stands for, longest first where one holds another. They only make texts short: what has none
 * of them is stored right as well. What is stored depends on their order, so that a change needs another schema version.
 */
const pieces: readonly string[] = ['":["', '",{"', '"],"', '","', '":"', '"]'];

/** The text is that of an array, which begins with a text and ends in an object: these are left out. */
const [opening, closing] = ['["', "}]"];

/**
 * Writes the fields of a lease as bytes: a byte of version and bits, the numbers, and a JSON text put short. A million
 * leases lie in memory, and every byte of this counts in each.
 */
export function encodeSealedFields(id: string, fields: SealedFields): Buffer {
  const { issuedAtMs, ttlMs, maxExpiresAtMs, reissuedAtMs, caller, role, secretType, handle } = fields;
  const issued = Math.floor(issuedAtMs);
  const maxAfterMs = Math.floor(maxExpiresAtMs - issued);
  const isMaxInSeconds = maxAfterMs % secondMs === 0;
  const isRootCaller = caller === rootCaller;
  const isRoleOfPath = role === roleOfPath(id);
  const usual = { isRootCaller, isRoleOfPath, isMaxInSeconds, isReissued: reissuedAtMs !== undefined };
  const numbers = [
    issued,
    Math.floor(ttlMs),
    isMaxInSeconds ? maxAfterMs / secondMs : maxAfterMs,
    ...(reissuedAtMs === undefined ? [] : [Math.floor(reissuedAtMs - issued)]),
  ];
  const texts = [...(isRootCaller ? [] : [caller]), ...(isRoleOfPath ? [] : [role]), secretType];
  const text = JSON.stringify([...texts, handle]).slice(opening.length, -closing.length);
  return Buffer.concat([
    Buffer.from([sealedFieldsSchema + bitsOf(usual), ...numbers.flatMap(varint)]),
    Buffer.from(shorten(text, wordsOf(id))),
  ]);
}

/** Reads what `encodeSealedFields` wrote for the same id. Throws for another schema version. */
export function decodeSealedFields(id: string, bytes: Uint8Array): SealedFields {
  const first = bytes[0] ?? 0;
  if (versionOf(first) !== sealedFieldsSchema) {
    throw new Error(`Lease ${JSON.stringify(id)} has schema ${versionOf(first)}, not ${sealedFieldsSchema}.`);
  }
  const is = (name: keyof typeof bits): boolean => (first & bits[name]) !== 0;
  const reader = { bytes, at: 1 };
  const issuedAtMs = readVarint(reader);
  const ttlMs = readVarint(reader);
  const maxExpiresAtMs = issuedAtMs + readVarint(reader) * (is("isMaxInSeconds") ? secondMs : 1);
  const reissued = is("isReissued") ? { reissuedAtMs: issuedAtMs + readVarint(reader) } : {};
  const text = lengthen(Buffer.from(bytes.subarray(reader.at)).toString(), wordsOf(id));
  const values = JSON.parse(opening + text + closing);
  const handle: JsonObject = values.pop();
  const texts: string[] = values;
  const caller = is("isRootCaller") ? rootCaller : (texts.shift() ?? "");
  const role = is("isRoleOfPath") ? roleOfPath(id) : (texts.shift() ?? "");
  const [secretType = ""] = texts;
  return { role, caller, secretType, issuedAtMs, ttlMs, maxExpiresAtMs, ...reissued, handle };
}

function bitsOf(usual: Readonly<Record<keyof typeof bits, boolean>>): number {
  const names = Object.keys(bits) as (keyof typeof bits)[];
  return names.reduce((sum, name) => (usual[name] ? sum + bits[name] : sum), 0);
}

/** The last segment of a lease's path, which is the role wherever there are roles. */
function roleOfPath(id: string): string {
  const path = leasePath(id);
  return path.slice(path.lastIndexOf("/") + 1);
}

/** What the id of a lease tells, which its handle often tells again, if only in a name; then the pieces. */
function wordsOf(id: string): readonly string[] {
  const [path, role, uuid] = [leasePath(id), roleOfPath(id), leaseUuid(id)];
  const digits = uuid.replaceAll("-", "");
  return [`${role}-${digits}`, uuid, digits, path, role, ...pieces];
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
