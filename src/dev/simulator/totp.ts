import { createHmac } from "node:crypto";

const stepMs = 30_000;

/** The six-digit code of a virtual MFA device at a time. Source: RFC 6238 with SHA-1 and steps of 30 s. */
export function totpCode(seed: Uint8Array, timeMs: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(timeMs / stepMs)));
  const digest = createHmac("sha1", seed).update(counter).digest();
  const offset = (digest.at(-1) ?? 0) & 15;
  return String((digest.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

/** Tells whether a code is the one of now or of one step before or after, the drift AWS forgives. */
export function isTotpCode(seed: Uint8Array, code: string, nowMs: number): boolean {
  return [0, -1, 1].some((step) => totpCode(seed, nowMs + step * stepMs) === code);
}

/** Tells whether two codes follow one another, which is what enabling a device asks for. */
export function areConsecutiveTotpCodes(seed: Uint8Array, codes: [string, string], nowMs: number): boolean {
  return [0, -1, 1, -2].some(
    (step) =>
      totpCode(seed, nowMs + step * stepMs) === codes[0] &&
      totpCode(seed, nowMs + (step + 1) * stepMs) === codes[1],
  );
}
