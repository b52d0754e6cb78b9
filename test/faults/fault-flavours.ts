import { inject } from "vitest";
import { type RedisFlavour, redisFlavours } from "../kit/redis-flavours.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Set by vitest.faults.config.ts: every fault on every flavour. */
    readonly isOnEveryFlavour: boolean;
  }
}

/** What the faults are tried on: the machine's own Redis, and by `npm run test:faults` the other flavours as well. */
export async function faultFlavours(): Promise<readonly RedisFlavour[]> {
  const flavours = await redisFlavours();
  return inject("isOnEveryFlavour") ? flavours : flavours.slice(0, 1);
}
