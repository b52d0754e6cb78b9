/** `npm run bench`: measures a server that runs alone on one core, and prints figures, ratios and aims. */
import { writeFileSync } from "node:fs";
import { arch, cpus, platform } from "node:os";
import { judge } from "./aims.ts";
import { type BenchOptions, BenchUsageError, benchUsage, readBenchOptions } from "./bench-options.ts";
import { measureRounds } from "./bench-rounds.ts";
import { type BenchWorld, createBenchWorld } from "./bench-world.ts";
import { claimCores } from "./cores.ts";
import { reportText } from "./report.ts";

const say = (line: string): void => void process.stderr.write(`${line}\n`);

async function bench(options: BenchOptions, hold: (world: BenchWorld) => void): Promise<void> {
  const cores = await claimCores();
  const binding =
    typeof cores === "string"
      ? cores
      : `Server on core ${cores.server}; load, Redis and the AWS simulator on core ${cores.load}.`;
  const cpu = cpus()[0]?.model.trim() ?? "unknown processor";
  const machine = `Node ${process.version}, ${platform()} ${arch()}, ${cpu}.`;
  say("Starting Redis, the AWS simulator and the server.");
  const world = await createBenchWorld({
    cores: typeof cores === "string" ? undefined : cores,
    profileDir: options.profileDir,
    say,
  });
  hold(world);
  const rounds = await measureRounds(world, options, say);
  process.stdout.write(`${reportText(rounds, [machine, binding])}\n`);
  if (options.jsonFile === undefined) return;
  const figures = { machine, binding, aims: judge(rounds), rounds };
  writeFileSync(options.jsonFile, `${JSON.stringify(figures, undefined, 2)}\n`);
}

/** Rejects when the run is told to end or takes too long, so that it cleans up first. */
function interruption(limitMs: number): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  const tooLong = `The run took longer than ${limitMs / 1000} s: this machine is too busy. Nothing is printed.`;
  setTimeout(() => reject(new Error(tooLong)), limitMs).unref();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => reject(new Error(`Ended by ${signal}.`)));
  }
  return promise;
}

let world: BenchWorld | undefined;
try {
  const options = readBenchOptions(process.argv.slice(2));
  if (options === undefined) {
    process.stdout.write(benchUsage);
  } else {
    const hold = (started: BenchWorld): void => {
      world = started;
    };
    await Promise.race([bench(options, hold), interruption(options.limitMs)]);
  }
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = error instanceof BenchUsageError ? 2 : 1;
} finally {
  await world?.stop();
}
