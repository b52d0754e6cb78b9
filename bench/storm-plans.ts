import { parseArgs } from "node:util";
import { UsageError } from "./run-bounded.ts";
import type { StormFigures } from "./storm-figures.ts";

/** How leases come due on one server. */
export interface StormPlan {
  readonly leases: number;
  /** From the first to the last of them, in milliseconds. */
  readonly withinMs: number;
  /** How much longer each call to AWS takes. */
  readonly latencyMs: number;
  readonly aims: readonly StormAim[];
}

/** A time that is to be kept to. */
export interface StormAim {
  readonly figure: string;
  readonly of: (figures: StormFigures) => number;
  /** Undefined where the figure is only told. */
  readonly atMostMs: number | undefined;
}

const keyP50 = { figure: "key's death late, p50", of: ({ keyLateP50Ms }: StormFigures) => keyLateP50Ms };
const keyP99 = { figure: "key's death late, p99", of: ({ keyLateP99Ms }: StormFigures) => keyLateP99Ms };
const keysDead = {
  figure: "all keys dead after the last was due",
  of: ({ keysDeadMs }: StormFigures) => keysDeadMs,
};
const usersGone = {
  figure: "all users gone after the last was due",
  of: ({ usersGoneMs }: StormFigures) => usersGoneMs,
};
const told = (figures: readonly Omit<StormAim, "atMostMs">[]): StormAim[] =>
  figures.map((figure) => ({ ...figure, atMostMs: undefined }));

/** The storms that have aims. */
export const stormsWithAims: readonly StormPlan[] = [
  {
    leases: 10_000,
    withinMs: 1000,
    latencyMs: 0,
    aims: [...told([keyP50, keyP99, keysDead]), { ...usersGone, atMostMs: 10_000 }],
  },
  {
    leases: 5000,
    withinMs: 4500,
    latencyMs: 20,
    aims: [
      { ...keyP50, atMostMs: 500 },
      { ...keyP99, atMostMs: 1500 },
      ...told([keysDead]),
      { ...usersGone, atMostMs: 2000 },
    ],
  },
  {
    leases: 2500,
    withinMs: 10_000,
    latencyMs: 20,
    aims: [...told([keyP50]), { ...keyP99, atMostMs: 50 }, ...told([keysDead, usersGone])],
  },
];

const usage = `usage: npm run bench:storm -- [--only 1|2|3]
       npm run bench:storm -- [--leases N] [--within MS] [--latency MS]

Lets leases of AWS keys come due on one server, and prints how late their keys died and when all was gone, beside what
is aimed at, and beside what the same calls at the same times gave with the bare AWS SDK. Without options three storms:

  1  10000 leases within a second, with an AWS that answers at once
  2  5000 within 4.5 s, with an AWS that takes 20 ms longer
  3  250 a second for 10 s, with the same

--leases (10000), --within (1000) and --latency (0) make another one, without aims.
`;

/** Reads the command line: the storms to make, or the text to print instead. Throws `UsageError`. */
export function readStormPlans(args: readonly string[]): readonly StormPlan[] | { readonly help: string } {
  const text = { type: "string" } as const;
  const options = {
    ...{ only: text, leases: text, within: text, latency: text },
    help: { type: "boolean" },
  } as const;
  const { values } = (() => {
    try {
      return parseArgs({ args: [...args], options, strict: true });
    } catch (error) {
      throw new UsageError(`${error instanceof Error ? error.message : error}\n\n${usage}`);
    }
  })();
  if (values.help === true) return { help: usage };
  const whole = (name: "only" | "leases" | "within" | "latency", fallback: number, range: Range): number => {
    const value = values[name] ?? String(fallback);
    if (/^\d{1,9}$/.test(value) && Number(value) >= range.min && Number(value) <= range.max)
      return Number(value);
    const wanted = `a whole number from ${range.min} to ${range.max}`;
    throw new UsageError(`--${name} must be ${wanted}; it is "${value}".\n\n${usage}`);
  };
  const only = whole("only", 1, { min: 1, max: stormsWithAims.length });
  const own = {
    leases: whole("leases", 10_000, { min: 1, max: 100_000 }),
    withinMs: whole("within", 1000, { min: 0, max: 600_000 }),
    latencyMs: whole("latency", 0, { min: 0, max: 5000 }),
    aims: told([keyP50, keyP99, keysDead, usersGone]),
  };
  const isOwn = [values.leases, values.within, values.latency].some((value) => value !== undefined);
  if (isOwn && values.only !== undefined)
    throw new UsageError(
      `--only names one of the three storms, and the other options make another.\n\n${usage}`,
    );
  if (isOwn) return [own];
  return values.only === undefined ? stormsWithAims : stormsWithAims.slice(only - 1, only);
}

interface Range {
  readonly min: number;
  readonly max: number;
}
