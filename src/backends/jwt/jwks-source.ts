import { createLocalJWKSet, type JSONWebKeySet, type LocalJWKSet } from "jose";

/** How long nobody asks again after an attempt that brought keys, and after one that did not, in milliseconds. */
const coolDownMs = { afterKeys: 30_000, afterFailure: 5000 };

/** How long keys are used that cannot be read anew: as long as an issuer's outage, and not as long as a stolen key would like. */
const staleMsMax = 3_600_000;

const keysMax = 100;

/** The keys cannot be had. Says nothing about whoever logs in. */
export class KeysUnavailable extends Error {
  override readonly name = "KeysUnavailable";
}

/** The key set of an issuer, kept and read anew. */
export interface JwksSource {
  /** The keys as they were read a while ago at most. Rejects with `KeysUnavailable`. */
  current(): Promise<LocalJWKSet>;
  /** The keys as they are now, for a token whose key is not among them; those of before where it is too early to ask. */
  renewed(): Promise<LocalJWKSet>;
}

/** Reads a key set from its text. Throws where it is none, without showing it. */
export function parseJwks(text: string): LocalJWKSet {
  let set: JSONWebKeySet | undefined;
  try {
    set = JSON.parse(text);
  } catch {
    throw new Error("what was read is not JSON");
  }
  if (!Array.isArray(set?.keys) || set.keys.length > keysMax)
    throw new Error(`what was read is no JWKS of at most ${keysMax} keys`);
  try {
    return createLocalJWKSet(set);
  } catch {
    throw new Error("what was read is no well-formed JWKS");
  }
}

/** Makes a source of keys. However many log in at once, there is one reading at a time. */
export function createJwksSource(options: {
  /** Reads the text of the key set. */
  readonly read: () => Promise<string>;
  /** How long what was read is used without a look at what there is now, in milliseconds. */
  readonly freshMs: number;
  readonly nowMs: () => number;
}): JwksSource {
  const { read, freshMs, nowMs } = options;
  let kept: { readonly keys: LocalJWKSet; readonly readAtMs: number } | undefined;
  let failure = new KeysUnavailable("The keys were not read yet.");
  let restsUntilMs = Number.NEGATIVE_INFINITY;
  let underWay: Promise<void> | undefined;

  /** Reads, unless somebody has a moment ago. Never rejects. */
  const refresh = async (): Promise<void> => {
    const readAtMs = nowMs();
    if (readAtMs < restsUntilMs) return;
    restsUntilMs = readAtMs + coolDownMs.afterKeys;
    try {
      kept = { keys: parseJwks(await read()), readAtMs };
    } catch (error) {
      restsUntilMs = nowMs() + coolDownMs.afterFailure;
      const why = error instanceof Error ? error.message : "unknown cause";
      failure = new KeysUnavailable(`The issuer's keys cannot be read: ${why}.`);
    }
  };
  const refreshOnce = (): Promise<void> => {
    underWay ??= refresh().finally(() => {
      underWay = undefined;
    });
    return underWay;
  };
  const usable = (): LocalJWKSet => {
    if (kept && nowMs() - kept.readAtMs < staleMsMax) return kept.keys;
    throw failure;
  };

  return {
    async current() {
      if (!kept || nowMs() - kept.readAtMs >= freshMs) await refreshOnce();
      return usable();
    },
    async renewed() {
      await refreshOnce();
      return usable();
    },
  };
}
