import { createCipheriv, createDecipheriv, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { type DatedKeyring, type Keyring, keyBytes, keyOfTerm, WrongRootKeyError } from "./keyring.ts";

const nonceBytes = 12;
const tagBytes = 16;
const proofBytes = 32;
const timeBytes = 6;
const format = 2;
/** Format and generation, in the clear and authenticated. */
const headerBytes = 1 + 4;
const purpose = Buffer.from("leasehold:keyring:2");
/** What was authenticated before there was a format number. */
const earlierPurpose = Buffer.from("leasehold:keyring:1");

/**
 * Wraps a keyring with the root key (AES-256-GCM, 32 bytes) for storage: format (1 byte), generation (4), nonce (12),
 * ciphertext, tag (16), proof (32). The proof is an HMAC under a key that is derived from the active data key: a server
 * that has the same data keys and lacks the root key sees by it that the keyring is the one it works with.
 */
export function wrapKeyring(keyring: DatedKeyring, rootKey: Uint8Array): Uint8Array {
  const header = Buffer.alloc(headerBytes);
  header.writeUInt8(format, 0);
  header.writeUInt32BE(keyring.generation, 1);
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv("aes-256-gcm", rootKey, nonce);
  cipher.setAAD(Buffer.concat([purpose, header]));
  const plain = encodeKeyring(keyring);
  const wrapped = [header, nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()];
  plain.fill(0);
  return new Uint8Array(Buffer.concat([...wrapped, proofOf(Buffer.concat(wrapped), keyring)]));
}

/** Unwraps a stored keyring. Throws `WrongRootKeyError` where the root key is not the one that wrapped it. */
export function unwrapKeyring(stored: Uint8Array, rootKey: Uint8Array): DatedKeyring {
  const bytes = Buffer.from(stored);
  // The first byte of an earlier one is random, and may look like this format.
  const opened = openNow(bytes, rootKey) ?? openEarlier(bytes, rootKey);
  if (!opened) throw new WrongRootKeyError();
  return opened;
}

/** Whether a stored keyring holds exactly these data keys with the same one active, as somebody wrote who has them. */
export function isProvenSame(stored: Uint8Array, keyring: Keyring): boolean {
  const bytes = Buffer.from(stored);
  if (bytes.length < headerBytes + nonceBytes + tagBytes + proofBytes || bytes[0] !== format) return false;
  const proof = bytes.subarray(-proofBytes);
  return timingSafeEqual(proof, proofOf(bytes.subarray(0, -proofBytes), keyring));
}

/** The generation of a stored keyring; to be believed once it was opened or proven. 0 for one of an earlier version. */
export function storedGeneration(stored: Uint8Array): number {
  return stored[0] === format && stored.length >= headerBytes ? Buffer.from(stored).readUInt32BE(1) : 0;
}

function proofOf(wrapped: Buffer, keyring: Keyring): Buffer {
  const key = createHmac("sha256", keyOfTerm(keyring, keyring.activeTerm))
    .update("leasehold:keyring-proof:1")
    .digest();
  const hmac = createHmac("sha256", key).update(wrapped);
  for (const [term, dataKey] of inOrder(keyring)) hmac.update(`:${term}:`).update(dataKey);
  return hmac.digest();
}

const inOrder = ({ keys }: Keyring) => [...keys].sort(([one], [other]) => one - other);

/** Active term (4), time of the last rekey (6), then for each key: term (4), time it was made (6), key (32). */
function encodeKeyring(keyring: DatedKeyring): Buffer {
  const plain = Buffer.alloc(4 + timeBytes + keyring.keys.size * (4 + timeBytes + keyBytes));
  plain.writeUInt32BE(keyring.activeTerm, 0);
  plain.writeUIntBE(keyring.rekeyedAtMs, 4, timeBytes);
  let at = 4 + timeBytes;
  for (const [term, key] of inOrder(keyring)) {
    plain.writeUInt32BE(term, at);
    plain.writeUIntBE(keyring.createdAtMs.get(term) ?? 0, at + 4, timeBytes);
    plain.set(key, at + 4 + timeBytes);
    at += 4 + timeBytes + keyBytes;
  }
  return plain;
}

function openNow(bytes: Buffer, rootKey: Uint8Array): DatedKeyring | undefined {
  if (bytes.length < headerBytes + nonceBytes + tagBytes + proofBytes || bytes[0] !== format)
    return undefined;
  const header = bytes.subarray(0, headerBytes);
  const aad = Buffer.concat([purpose, header]);
  const plain = decipher(bytes.subarray(headerBytes, -proofBytes), rootKey, aad);
  if (!plain) return undefined;
  const keys = new Map<number, Uint8Array>();
  const createdAtMs = new Map<number, number>();
  const entryBytes = 4 + timeBytes + keyBytes;
  for (let at = 4 + timeBytes; at < plain.length; at += entryBytes) {
    const term = plain.readUInt32BE(at);
    createdAtMs.set(term, plain.readUIntBE(at + 4, timeBytes));
    keys.set(term, plain.subarray(at + 4 + timeBytes, at + entryBytes));
  }
  const [activeTerm, rekeyedAtMs] = [plain.readUInt32BE(0), plain.readUIntBE(4, timeBytes)];
  return { generation: header.readUInt32BE(1), activeTerm, keys, createdAtMs, rekeyedAtMs };
}

/** Nonce, ciphertext, tag; within, the active term and then term and key in turn. */
function openEarlier(bytes: Buffer, rootKey: Uint8Array): DatedKeyring | undefined {
  const plain = decipher(bytes, rootKey, earlierPurpose);
  if (!plain) return undefined;
  const keys = new Map<number, Uint8Array>();
  for (let at = 4; at < plain.length; at += 4 + keyBytes)
    keys.set(plain.readUInt32BE(at), plain.subarray(at + 4, at + 4 + keyBytes));
  return { generation: 0, activeTerm: plain.readUInt32BE(0), keys, createdAtMs: new Map(), rekeyedAtMs: 0 };
}

function decipher(bytes: Buffer, rootKey: Uint8Array, associatedData: Buffer): Buffer | undefined {
  if (bytes.length < nonceBytes + tagBytes) return undefined;
  const opening = createDecipheriv("aes-256-gcm", rootKey, bytes.subarray(0, nonceBytes));
  opening.setAAD(associatedData);
  opening.setAuthTag(bytes.subarray(-tagBytes));
  try {
    return Buffer.concat([opening.update(bytes.subarray(nonceBytes, -tagBytes)), opening.final()]);
  } catch {
    return undefined;
  }
}
