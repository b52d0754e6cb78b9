/** What Redis answers, its texts as bytes. */
export type RedisReply = Buffer | number | null | readonly RedisReply[];

/** A reply that must be a list. */
export function listOf(reply: RedisReply | undefined): readonly RedisReply[] {
  if (Array.isArray(reply)) return reply;
  throw unexpected("a list", reply);
}

/** A reply that must be bytes, as they are. */
export function bytesOf(reply: RedisReply | undefined): Buffer {
  if (Buffer.isBuffer(reply)) return reply;
  throw unexpected("bytes", reply);
}

/** A reply that must be a text. */
export function textOf(reply: RedisReply | undefined): string {
  return bytesOf(reply).toString("utf8");
}

/** A reply that must be a number, or a text that is one. */
export function numberOf(reply: RedisReply | undefined): number {
  const number = typeof reply === "number" ? reply : Number(textOf(reply));
  if (!Number.isFinite(number)) throw unexpected("a number", reply);
  return number;
}

/** A reply that must be field, value, field, value, and so on. */
export function pairsOf(reply: readonly RedisReply[]): ReadonlyMap<string, Buffer> {
  const pairs = new Map<string, Buffer>();
  for (let i = 0; i < reply.length; i += 2) pairs.set(textOf(reply[i]), bytesOf(reply[i + 1]));
  return pairs;
}

/** The bytes of a value that is not this module's own, without a copy. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Names the kind of a reply alone: its content is nobody's business in an error. */
function unexpected(wanted: string, reply: RedisReply | undefined): Error {
  const kind = Buffer.isBuffer(reply) ? "bytes" : Array.isArray(reply) ? "a list" : String(typeof reply);
  return new Error(`Redis answered ${kind} where it should have answered ${wanted}.`);
}
