import { randomBytes } from "node:crypto";

const alphabet = "abcdefghijklmnopqrstuvwxyz234567";
const charactersCount = 7;

/**
 * A name for a new mount that no other has: its type, and seven random characters of base32. It is part of every key
 * of the mount, twice for each lease, so that it is no longer than it must be: no two of ten thousand mounts that ever were
 * are named alike, but for one chance in 700, and none that is there now.
 */
export function newAccessor(type: string, isTaken: (accessor: string) => boolean): string {
  for (;;) {
    const characters = [...randomBytes(charactersCount)].map((byte) => alphabet[byte % alphabet.length]);
    const accessor = `${type}_${characters.join("")}`;
    if (!isTaken(accessor)) return accessor;
  }
}
