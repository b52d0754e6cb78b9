import crypto, { type UUID } from "node:crypto";
import { syncBuiltinESMExports } from "node:module";
import type { Random } from "./random.ts";

/**
 * Gives the process seeded chance while `work` runs: `Math.random`, `randomUUID` and `randomBytes`. The order of
 * leases, the jitter of pauses and all tokens then follow from the seed, and a run can be played again. The product
 * takes its randomness straight from the platform, as it should; so it is the platform that is seeded.
 */
export async function withSeededEntropy<T>(random: Random, work: () => Promise<T>): Promise<T> {
  const genuine = { random: Math.random, randomUUID: crypto.randomUUID, randomBytes: crypto.randomBytes };
  const bytes = (size: number): Buffer => {
    const made = Buffer.allocUnsafe(size);
    for (let at = 0; at < size; at++) made[at] = Math.floor(random.next() * 256);
    return made;
  };
  const uuid = (): UUID => {
    const hex = bytes(16).toString("hex");
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
  };
  Math.random = () => random.next();
  Object.assign(crypto, { randomUUID: uuid, randomBytes: bytes });
  syncBuiltinESMExports();
  try {
    return await work();
  } finally {
    Math.random = genuine.random;
    Object.assign(crypto, { randomUUID: genuine.randomUUID, randomBytes: genuine.randomBytes });
    syncBuiltinESMExports();
  }
}
