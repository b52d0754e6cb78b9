const unitsMs: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 };
const partPattern = /(\d+(?:\.\d+)?)(ms|d|h|m|s)/g;
const durationPattern = /^(?:\d+(?:\.\d+)?(?:ms|d|h|m|s))+$/;

/** Longest duration that is accepted: ten years, in milliseconds. Keeps every sum a safe integer and a valid date. */
export const durationMsMax = 3650 * 86_400_000;

/**
 * Parses a duration: a number of seconds (`90` or `"90"`), or numbers with
 * units (`1h30m`, `90s`, `1d`, `250ms`). Answers milliseconds, or undefined for
 * anything else: negative, empty, or over ten years.
 */
export function parseDuration(value: string | number): number | undefined {
  const text = String(value).trim();
  let ms: number;
  if (/^\d+(?:\.\d+)?$/.test(text)) {
    ms = Number(text) * 1000;
  } else if (durationPattern.test(text)) {
    ms = 0;
    for (const [, amount, unit] of text.matchAll(partPattern))
      ms += Number(amount) * (unitsMs[unit ?? ""] ?? Number.NaN);
  } else {
    return undefined;
  }
  const rounded = Math.round(ms);
  return rounded <= durationMsMax ? rounded : undefined;
}

/** A duration as people write it, to the second: `1h30m`, `45s`; below a second in `ms`. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return ms === 0 ? "0s" : `${Math.max(1, Math.round(ms))}ms`;
  let rest = Math.round(ms / 1000);
  let text = "";
  for (const [unit, seconds] of [
    ["h", 3600],
    ["m", 60],
    ["s", 1],
  ] as const) {
    const amount = Math.floor(rest / seconds);
    rest -= amount * seconds;
    if (amount > 0) text += `${amount}${unit}`;
  }
  return text;
}
