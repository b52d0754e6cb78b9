import { CoreError } from "./errors.ts";

/** As long as the longest token that the wire takes; a thousand mounts need less. */
const tokenLengthMax = 65_536;
const placesMax = 1000;
const accessorLengthMax = 64;

/** Where a watch stands. */
export interface WatchPlace {
  /** The position of the last event that was seen of each mount, by accessor. */
  readonly positions: ReadonlyMap<string, string>;
  /** Every lease that comes due up to then was told of as expiring soon. */
  readonly soonUpToMs: number;
}

/** The place as a token for the caller to keep: opaque to it, and no secret. */
export function resumeTokenOf({ positions, soonUpToMs }: WatchPlace): string {
  return Buffer.from(JSON.stringify([soonUpToMs, Object.fromEntries(positions)])).toString("base64url");
}

/** The place that a token names. Throws `INVALID_FIELD` for what `resumeTokenOf` cannot have made. */
export function parseResumeToken(token: string): WatchPlace {
  const place = token.length <= tokenLengthMax ? placeOf(parsed(token)) : undefined;
  if (place) return place;
  throw new CoreError(
    "INVALID_FIELD",
    'Field "resume_token" is not a token of this server. Give the one of the last event that was seen, or none to watch from now.',
    { details: { field: "resume_token" } },
  );
}

function parsed(token: string): unknown {
  try {
    return JSON.parse(Buffer.from(token, "base64url").toString());
  } catch {
    // Told by the caller, like a token of another shape.
    return undefined;
  }
}

function placeOf(value: unknown): WatchPlace | undefined {
  if (!Array.isArray(value) || value.length !== 2) return undefined;
  const [soonUpToMs, byAccessor]: unknown[] = value;
  if (!Number.isSafeInteger(soonUpToMs) || typeof soonUpToMs !== "number" || soonUpToMs < 0) return undefined;
  if (typeof byAccessor !== "object" || byAccessor === null || Array.isArray(byAccessor)) return undefined;
  const positions = new Map<string, string>();
  for (const [accessor, position] of Object.entries(byAccessor)) {
    if (!/^\w+$/.test(accessor) || accessor.length > accessorLengthMax) return undefined;
    // Positions go to the store as they are: what no store answers must not reach it.
    if (typeof position !== "string" || !/^(?:\d{1,15}-\d{1,15})?$/.test(position)) return undefined;
    positions.set(accessor, position);
  }
  return positions.size <= placesMax ? { positions, soonUpToMs } : undefined;
}
