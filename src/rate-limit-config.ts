import { defaultRateLimits, type PathRate, type RateLimitSettings } from "./core/access/rate-limits.ts";

const perSecondMax = 100_000;
const failuresMax = 100_000;

function positive(text: string, max: number): number | undefined {
  const value = /^\d{1,6}(?:\.\d{1,3})?$/.test(text) ? Number(text) : 0;
  return value > 0 && value <= max ? value : undefined;
}

/** Reads how often callers may call. Adds what is wrong to `problems`. */
export function readRateLimits(
  text: (name: string) => string | undefined,
  problems: string[],
): RateLimitSettings {
  const number = (name: string, max: number, meaning: string): number | undefined => {
    const value = text(name);
    if (value === undefined) return undefined;
    const found = positive(value, max);
    if (found === undefined)
      problems.push(`${name} must be ${meaning}, above 0 and at most ${max}; it is "${value}".`);
    return found;
  };
  const paths = (text("LEASEHOLD_RATE_LIMIT_PATHS") ?? "")
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "")
    .flatMap((entry): readonly PathRate[] => {
      const at = entry.lastIndexOf("=");
      // No path begins with a slash, and a limit that never counts would go unseen.
      const isStart = at > 0 && !entry.startsWith("/");
      const perSecond = isStart ? positive(entry.slice(at + 1), perSecondMax) : undefined;
      if (perSecond !== undefined) return [{ prefix: entry.slice(0, at), perSecond }];
      problems.push(
        `LEASEHOLD_RATE_LIMIT_PATHS must be like "aws/creds/=10,kv/=100", calls a second by path; it has "${entry}".`,
      );
      return [];
    });
  return {
    callerPerSecond: number("LEASEHOLD_RATE_LIMIT_CALLER", perSecondMax, "calls a second"),
    paths,
    failuresPerMinute:
      number("LEASEHOLD_RATE_LIMIT_FAILURES", failuresMax, "failures a minute") ??
      defaultRateLimits.failuresPerMinute,
  };
}
