import type { CpuUse, ServerStorm } from "./server-storm.ts";
import type { StormFigures } from "./storm-figures.ts";
import type { StormAim, StormPlan } from "./storm-plans.ts";
import { textTable } from "./text-table.ts";

/** What one storm gave, with the server and with the bare SDK. */
export interface StormResult {
  readonly plan: StormPlan;
  readonly server: ServerStorm;
  readonly floor: StormFigures;
}

/** The results as text: a table a storm, with the aims beside. A miss is shown, no more. */
export function stormReport(results: readonly StormResult[], surroundings: string): string {
  return [surroundings, ...results.map(section), ""].join("\n");
}

function section({ plan, server, floor }: StormResult): string {
  const { leases, withinMs, latencyMs } = plan;
  const rows = plan.aims.map((aim) => [
    aim.figure,
    inSeconds(aim.of(server)),
    inSeconds(aim.of(floor)),
    ...verdict(aim, aim.of(server)),
  ]);
  const perSecond = (leases / (withinMs + server.usersGoneMs)) * 1000;
  return [
    "",
    `${leases} leases due within ${withinMs / 1000} s, AWS at ${latencyMs} ms, one server: ${perSecond.toFixed(0)} leases a second.`,
    textTable(["s", "server", "bare SDK", "aim", ""], rows),
    `  CPU of the server ${cpuText(server.server)}; of the AWS simulator ${cpuText(server.simulator)}.`,
  ].join("\n");
}

function verdict({ atMostMs }: StormAim, ms: number): readonly [aim: string, word: string] {
  if (atMostMs === undefined) return ["", ""];
  return [`at most ${atMostMs / 1000}`, ms <= atMostMs ? "ok" : "over"];
}

function cpuText({ msPerLease, cores }: CpuUse): string {
  return `${msPerLease.toFixed(2)} ms a lease, ${cores.toFixed(2)} cores`;
}

function inSeconds(ms: number): string {
  return (ms / 1000).toFixed(ms < 1000 ? 3 : 2);
}
