import { parseArgs } from "node:util";
import { type Simulator, startSimulator } from "./simulator.ts";

const usage = `usage: node src/dev/simulator/main.ts [--host H] [--port N] [--account-id ID] [--snapshot FILE] [--watch-stdin]

Serves AWS's IAM and STS on a loopback address, for development and tests. Prints one line of JSON with its URL once
it listens. With --watch-stdin it ends when its standard input closes, so that it never outlives its parent.
`;

const flags = {
  host: { type: "string" },
  port: { type: "string" },
  "account-id": { type: "string" },
  snapshot: { type: "string" },
  "watch-stdin": { type: "boolean" },
  help: { type: "boolean" },
} as const;

function fail(sentence: string, exitCode: number): never {
  process.stderr.write(`AWS simulator: ${sentence}\n`);
  process.exit(exitCode);
}

function readArguments() {
  try {
    const { values } = parseArgs({ options: flags, strict: true });
    const port = Number(values.port ?? "0");
    if (!Number.isInteger(port) || port < 0 || port > 65_535) {
      fail(`Port "${values.port}" is not a number from 0 to 65535.`, 2);
    }
    return { ...values, port };
  } catch (error) {
    return fail(`${error instanceof Error ? error.message : error}\n${usage}`, 2);
  }
}

function endWith(simulator: Simulator, watchesStdin: boolean): void {
  let isEnding = false;
  const end = () => {
    if (isEnding) return;
    isEnding = true;
    // The parent may be gone already; a disk that hangs must not keep this process for ever.
    setTimeout(() => process.exit(1), 1500).unref();
    simulator.close().then(
      () => process.exit(0),
      (error) => fail(`Cannot write the snapshot: ${error}`, 1),
    );
  };
  process.once("SIGTERM", end);
  process.once("SIGINT", end);
  if (!watchesStdin) return;
  process.stdin.on("end", end);
  process.stdin.on("close", end);
  process.stdin.on("error", end);
  process.stdin.resume();
}

const given = readArguments();
if (given.help === true) {
  process.stdout.write(usage);
} else {
  try {
    const simulator = await startSimulator({
      host: given.host,
      port: given.port,
      accountId: given["account-id"],
      snapshotFile: given.snapshot,
    });
    endWith(simulator, given["watch-stdin"] === true);
    process.stdout.write(`${JSON.stringify({ url: simulator.url, port: simulator.port })}\n`);
  } catch (error) {
    fail(error instanceof Error ? error.message : String(error), 1);
  }
}
