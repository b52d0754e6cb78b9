import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What a development server keeps between two starts with the same folder. */
export interface DevState {
  readonly dir: string;
  /** Folder of the embedded Redis. */
  readonly redisDir: string;
  /** File of the AWS simulator's state. */
  readonly simulatorFile: string;
  /** 32 bytes. */
  readonly rootKey: Uint8Array;
  readonly rootToken: string;
  /** Removes the folder where it is a temporary one. */
  dispose(): void;
}

/** What may be given instead of being made. */
export interface DevStateOptions {
  /** Folder to keep the state in; undefined means a temporary one. */
  readonly dir: string | undefined;
  readonly rootKey: Uint8Array | undefined;
  readonly rootToken: string | undefined;
}

/** Opens the state of a development server, and makes what is missing of it. Only the owner can read it. */
export function openDevState(options: DevStateOptions): DevState {
  const dir = options.dir ?? mkdtempSync(join(tmpdir(), "leasehold-dev-"));
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const keep = (name: string, make: () => string): string => {
    const file = join(dir, name);
    if (!existsSync(file)) writeFileSync(file, make(), { mode: 0o600, flag: "wx" });
    chmodSync(file, 0o600);
    return readFileSync(file, "utf8").trim();
  };
  const redisDir = join(dir, "redis");
  mkdirSync(redisDir, { recursive: true, mode: 0o700 });
  return {
    dir,
    redisDir,
    simulatorFile: join(dir, "simulator.json"),
    rootKey:
      options.rootKey ??
      Buffer.from(
        keep("root-key", () => randomBytes(32).toString("base64")),
        "base64",
      ),
    rootToken: options.rootToken ?? keep("root-token", () => `lh.${randomBytes(32).toString("base64url")}`),
    dispose() {
      if (options.dir === undefined) rmSync(dir, { recursive: true, force: true });
    },
  };
}
