// A parent to be killed by a test: it guards one shell command, which writes to the same standard output.
// Arguments: what it does ("wait", or "die-at-once" by SIGKILL before it knows the child), and the command.

import { spawnGuarded } from "../../../src/dev/process/spawn-guarded.ts";

const [, , mode, script = ""] = process.argv;
const starting = spawnGuarded({
  command: "/bin/sh",
  args: ["-c", script],
  env: { PATH: "/usr/bin:/bin" },
  stdout: "inherit",
});
if (mode === "die-at-once") setImmediate(() => process.kill(process.pid, "SIGKILL"));
process.on("SIGINT", async () => {
  const child = await starting;
  process.stdout.write(`${JSON.stringify(await child.stop())}\n`, () => process.exit(0));
});
