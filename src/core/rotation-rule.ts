import { type DatedKeyring, newestTerm } from "./keyring.ts";

const dayMs = 86_400_000;

/**
 * How many values may be sealed under one term before it is replaced. With random nonces 2^32 are allowed (NIST SP 800-38D, 8.3);
 * half of them leaves time where a rotation is hindered.
 */
export const sealsMax = 2 ** 31;

/**
 * Nobody seals that many values sooner, in milliseconds: it would be 600,000 a second. The count stands in Redis in the clear, and
 * whoever can write it must not have servers rotate until the keyring is full.
 */
export const sealsWithinMs = 3_600_000;

/** How old a data key becomes, in milliseconds: 90 days bound what one that leaked unseen opens. */
export const ageMaxMs = 90 * dayMs;

/**
 * After a rekey, servers that were not restarted yet could not follow a rotation. For so long, in milliseconds, a key that
 * is merely old is left alone.
 */
export const rekeyRestMs = 7 * dayMs;

/** How long a new data key is stored before it is used, in milliseconds: each server looks every second, and a slow look takes two. */
export const activateAfterMs = 4000;

/** Whether a data key that waits to become active is there. */
export function hasPendingTerm(keyring: DatedKeyring): boolean {
  return newestTerm(keyring) > keyring.activeTerm;
}

/** Whether the active data key is to be replaced now. A key whose age nobody wrote down has none. */
export function isRotationDue(keyring: DatedKeyring, seals: number, nowMs: number): boolean {
  const createdAtMs = keyring.createdAtMs.get(keyring.activeTerm) ?? 0;
  if (seals >= sealsMax && nowMs - createdAtMs >= sealsWithinMs) return true;
  if (createdAtMs === 0 || nowMs - createdAtMs < ageMaxMs) return false;
  return nowMs - keyring.rekeyedAtMs >= rekeyRestMs;
}
