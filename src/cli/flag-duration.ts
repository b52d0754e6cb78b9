import { formatDuration, parseDuration } from "../core/duration.ts";
import { UsageError } from "./errors.ts";

/** A duration as the wire takes it. */
export type WireDuration = { seconds: bigint; nanos: number };

/**
 * Parses the value of a flag that takes a duration: `90` (seconds), `90s`,
 * `1h30m`, `2d`. Throws a UsageError that names the flag.
 */
export function parseFlagDuration(flag: string, text: string): WireDuration {
  const ms = parseDuration(text);
  if (ms === undefined) {
    throw new UsageError(
      `--${flag} is "${text}"; it must be a duration such as "90s", "1h30m" or "2d", at most ten years`,
    );
  }
  return { seconds: BigInt(Math.floor(ms / 1000)), nanos: (ms % 1000) * 1_000_000 };
}

/** A duration of the wire as people write it, to the second: `59m58s`. */
export function durationText(duration: WireDuration): string {
  const seconds = durationSeconds(duration);
  // Below a second counts as the second it began, so that a live lease never shows "0s".
  return formatDuration(Math.ceil(seconds) * 1000);
}

/** A duration of the wire in seconds. */
export function durationSeconds(duration: WireDuration): number {
  return Number(duration.seconds) + duration.nanos / 1e9;
}
