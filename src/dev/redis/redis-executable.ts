import { execFile } from "node:child_process";

/** A Redis or Valkey server program that was seen to run on this machine. */
export interface RedisExecutable {
  /** Absolute path of the program. */
  readonly path: string;
  /** The environment it needs, such as `LD_LIBRARY_PATH`; nothing else is handed to it. */
  readonly env: Readonly<Record<string, string>>;
  /** Product and version, such as `Redis 7.0.15` or `Valkey 9.1.2`. */
  readonly version: string;
  /** Where it comes from: the PATH, Debian packages, or the Python wheel. */
  readonly source: "path" | "apt" | "pip";
}

/** A program that is accepted, or the reason, half a sentence long, why it is not. */
export type ExecutableCheck =
  | { readonly executable: RedisExecutable; readonly refusal?: never }
  | { readonly executable?: never; readonly refusal: string };

/** Script flags (`#!lua flags=…`) came with 7.0; the lease scripts cannot do without them. */
const majorVersionMin = 7;
/** The version is printed in milliseconds; a program that takes this long hangs. */
const versionTimeoutMs = 5_000;

/** Runs `<program> --version` and accepts the program when it answers as Redis or Valkey 7.0 or newer. */
export async function checkRedisExecutable(
  candidate: Pick<RedisExecutable, "path" | "env" | "source">,
): Promise<ExecutableCheck> {
  const output = await readVersion(candidate);
  if (output.error !== undefined) return { refusal: `it does not run (${output.error})` };
  // "Redis server v=7.0.15 sha=…", "Valkey server v=9.1.2 sha=…"
  const match = /^(\w+) server v=((\d+)\.[\d.]+)/.exec(output.text.trim());
  const [, product, version, major] = match ?? [];
  if (product === undefined || version === undefined) return { refusal: "it does not tell its version" };
  if (Number(major) < majorVersionMin) {
    return { refusal: `it is version ${version}, and ${majorVersionMin}.0 or newer is needed` };
  }
  return { executable: { ...candidate, version: `${product} ${version}` } };
}

function readVersion(
  candidate: Pick<RedisExecutable, "path" | "env">,
): Promise<{ text: string; error?: string }> {
  return new Promise((resolve) => {
    execFile(
      candidate.path,
      ["--version"],
      { env: { ...candidate.env }, timeout: versionTimeoutMs, killSignal: "SIGKILL" },
      (error, stdout, stderr) => {
        if (error === null) return resolve({ text: stdout });
        const firstLine = stderr.trim().split("\n")[0];
        resolve({
          text: "",
          error: error.killed ? "no answer" : firstLine || error.message.split("\n")[0] || "",
        });
      },
    );
  });
}
