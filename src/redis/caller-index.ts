/** Where the index of a caller's leases keeps one of them: a field of a hash, and what stands for it in that field's value. */
export interface CallerEntry {
  readonly bucket: string;
  /** Its length as one byte, then the bytes. */
  readonly member: Buffer;
}

const uuidEnd = /^(.*\/[0-9a-f]{4})([0-9a-f]{4}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/s;

/**
 * The entry of a lease. A set of ids would take a hundred bytes for each lease. A bucket holds those that begin alike,
 * up to the fourth digit of the UUID, and of each only the other 14 bytes: about 15 in a bucket at a million
 * leases. The id is the bucket's name and the member's digits after it; an id without a UUID is kept as it ends.
 */
export function callerEntry(id: string): CallerEntry {
  const [, start, digits] = uuidEnd.exec(id) ?? [];
  if (start !== undefined && digits !== undefined)
    return { bucket: start, member: prefixed(Buffer.from(digits.replaceAll("-", ""), "hex")) };
  const end = id.lastIndexOf("/") + 1;
  const rest = Buffer.from(id.slice(end));
  return rest.length <= 255
    ? { bucket: id.slice(0, end), member: prefixed(rest) }
    : { bucket: id, member: prefixed(Buffer.alloc(0)) };
}

function prefixed(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}

/** The ids that a bucket stands for: the inverse of `callerEntry`. */
export function idsOfBucket(bucket: string, members: Buffer): readonly string[] {
  const isOfUuids = /\/[0-9a-f]{4}$/.test(bucket);
  const ids: string[] = [];
  for (let at = 0; at < members.length; ) {
    const length = members[at] ?? 0;
    const member = members.subarray(at + 1, at + 1 + length);
    at += 1 + length;
    ids.push(
      bucket + (isOfUuids && length === uuidRestBytes ? dashed(member.toString("hex")) : member.toString()),
    );
  }
  return ids;
}

/** What follows the first four digits of a UUID. */
const uuidRestBytes = 14;

function dashed(digits: string): string {
  const [first, ...rest] = [0, 4, 8, 12, 16].map((from, at) =>
    digits.slice(from, at === 4 ? undefined : from + 4),
  );
  return [first, ...rest].join("-");
}
