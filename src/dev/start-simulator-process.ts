import { fileURLToPath } from "node:url";
import { spawnGuarded } from "./process/spawn-guarded.ts";

const startMsMax = 10_000;
const program = fileURLToPath(new URL("./simulator/main.ts", import.meta.url));

/** A running AWS simulator, in a process of its own that never outlives this one. */
export interface SimulatorProcess {
  /** Endpoint of both its IAM and its STS. */
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** Starts the AWS simulator on a free loopback port, with its state in a file. Rejects where it does not listen in time. */
export async function startSimulatorProcess(options: {
  readonly snapshotFile: string;
}): Promise<SimulatorProcess> {
  const child = await spawnGuarded({
    command: process.execPath,
    args: [program, "--snapshot", options.snapshotFile],
    env: {},
    stdout: "pipe",
    stderr: "inherit",
  });
  const { stdout } = child;
  if (!stdout) throw new Error("The AWS simulator has no output to read its address from.");
  const timer = setTimeout(() => void child.stop(0), startMsMax);
  let text = "";
  try {
    for await (const chunk of stdout) {
      text += String(chunk);
      if (!text.includes("\n")) continue;
      const { url } = JSON.parse(text);
      return { url, pid: child.pid, stop: async () => void (await child.stop()) };
    }
  } finally {
    clearTimeout(timer);
  }
  throw new Error("The AWS simulator ended before it listened.");
}
