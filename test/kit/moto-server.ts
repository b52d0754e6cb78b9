import type { Readable } from "node:stream";
import { spawnGuarded } from "../../src/dev/process/spawn-guarded.ts";
import { motoPython } from "./moto-python.ts";
import { testRedisSearch } from "./redis-server.ts";

/** A running moto: IAM and STS as people made them who know nothing of this project. */
export interface MotoServer {
  readonly url: string;
  stop(): Promise<void>;
}

const startMsMax = 60_000;

/**
 * Finds out whether moto can be run here: gives its Python, or undefined where it cannot, which is said in a
 * line that cannot be overlooked, with what is unproven then.
 *
 * Where `CI` is set, as `.ci/run` does, there is no such way out: rejects.
 */
export async function findMoto(): Promise<string | undefined> {
  const search = testRedisSearch((line) => console.info(line));
  try {
    return await motoPython(search);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const { CI } = search.env;
    if (CI !== undefined && CI !== "" && CI !== "false") {
      throw new Error(`moto has to be run where CI is set, and cannot: ${reason}.`, { cause: error });
    }
    console.warn(
      `SKIPPED: nothing is run against moto, since ${reason}. What stays unproven: that an IAM and an STS which ` +
        "nobody of this project wrote understand the client's calls, and answer them as the AWS simulator does. " +
        "It takes Python 3 with venv and pip, and PyPI.",
    );
    return undefined;
  }
}

/** Starts a moto with an empty account on a port of its own; call `stop` in the end. */
export async function startMoto(python: string): Promise<MotoServer> {
  const child = await spawnGuarded({
    command: python,
    args: ["-m", "moto.server", "--host", "127.0.0.1", "--port", "0"],
    env: {},
    stdout: "ignore",
    stderr: "pipe",
  });
  const stop = async () => void (await child.stop());
  try {
    return { url: await announcedUrl(child.stderr), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Waits for the line that tells where moto listens, and lets all lines after it pass. */
function announcedUrl(output: Readable | null): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let text = "";
  const fail = () =>
    reject(new Error(`moto does not start: ${text.trim().split("\n").at(-1) || "no word"}.`));
  const timer = setTimeout(fail, startMsMax);
  output?.setEncoding("utf8");
  output?.on("data", (chunk: string) => {
    text = (text + chunk).slice(-10_000);
    const [, url] = /Running on (http:\/\/127\.0\.0\.1:\d+)/.exec(text) ?? [];
    if (url !== undefined) resolve(url);
  });
  output?.on("end", fail);
  return promise.finally(() => clearTimeout(timer));
}
