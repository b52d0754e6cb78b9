import { chmod, mkdir, open, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type GuardedChild, spawnGuarded } from "../process/spawn-guarded.ts";
import { awaitDataFolder, claimDataFolder, releaseDataFolder } from "./data-folder-owner.ts";
import { findLoopbackPort } from "./loopback-port.ts";
import { sendRedisCommand } from "./redis-command.ts";

/** How a server of one's own is started. */
export interface EmbeddedRedisOptions {
  /** The server program, and the environment it needs (see `RedisExecutable`). */
  readonly executable: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Where its data lies; made if missing, and closed to other users. */
  readonly dir: string;
  /** A free loopback port is found unless one is given. */
  readonly port?: number;
  /** Whether data outlives the process; true unless told. */
  readonly appendOnly?: boolean;
  /** How soon a write is on disk; `always` unless told: before it is answered. */
  readonly appendFsync?: "always" | "everysec";
  /** More arguments of the server, such as `["--maxmemory", "4mb"]`. */
  readonly extraArgs?: readonly string[];
}

/** A Redis server that ends with this process. */
export interface EmbeddedRedis {
  /** `redis://127.0.0.1:<port>` */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly dir: string;
  /** Settles when the server is gone, whoever ended it; never rejects. */
  readonly exited: Promise<void>;
  /** Lets the server write out what it holds and end; the data folder stays. */
  stop(): Promise<void>;
  /** Ends the server with SIGKILL, as a crash would. */
  kill(): Promise<void>;
}

const readyTimeoutMs = 10_000;
const stopGraceMs = 5_000;
const pollMs = 5;
const portAttemptsMax = 5;

/**
 * Starts a Redis server as a guarded child on a loopback port and waits until it answers.
 *
 * Started again with the same folder it goes on with the same data. The server writes `redis.log` in its
 * folder. Rejects with the end of that log when the server ends early, and after ten seconds without an
 * answer.
 */
export async function startEmbeddedRedis(
  options: EmbeddedRedisOptions,
  findPort = findLoopbackPort,
): Promise<EmbeddedRedis> {
  const dir = resolve(options.dir);
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await chmod(dir, 0o700);
  await awaitDataFolder(dir);
  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await findPort());
    const outcome = await tryStart({ ...options, dir, port });
    if (outcome.redis !== undefined) return outcome.redis;
    // A port found free can be taken by the time the server binds it; a port asked for is not ours to change.
    const isPortTaken = /Address already in use|bind: /i.test(outcome.failure);
    if (isPortTaken && options.port === undefined && attempt < portAttemptsMax) continue;
    throw new Error(`Cannot start "${options.executable}" on port ${port}: ${outcome.failure}`);
  }
}

type StartOutcome = { redis: EmbeddedRedis } | { redis?: never; failure: string };

async function tryStart(options: EmbeddedRedisOptions & { port: number }): Promise<StartOutcome> {
  const { dir, port } = options;
  const logFile = join(dir, "redis.log");
  const log = await open(logFile, "a", 0o600);
  const logStart = (await log.stat()).size;
  let child: GuardedChild;
  try {
    child = await spawnGuarded({
      command: options.executable,
      args: serverArgs(options),
      env: options.env ?? {},
      cwd: dir,
      stdout: log.fd,
      stderr: log.fd,
    });
  } finally {
    await log.close();
  }
  await claimDataFolder(dir, child.pid).catch(async (error: unknown) => {
    await child.stop(0);
    throw error;
  });
  const exited = child.exited.then(() => releaseDataFolder(dir, child.pid).catch(() => {}));
  const readiness = await awaitReady(child, port);
  if (readiness === "ready") return { redis: embeddedRedis({ child, port, dir, exited }) };
  await child.stop(0);
  await exited;
  const logText = (await readFile(logFile)).subarray(logStart).toString("utf8").trim();
  const lastLines = logText.split("\n").slice(-5).join("\n");
  return { failure: `${readiness}. The end of its log "${logFile}":\n${lastLines}` };
}

function embeddedRedis(parts: {
  child: GuardedChild;
  port: number;
  dir: string;
  exited: Promise<void>;
}): EmbeddedRedis {
  const { child, port, dir, exited } = parts;
  const end = async (graceMs: number) => {
    await child.stop(graceMs);
    await exited;
  };
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    pid: child.pid,
    dir,
    exited,
    stop: () => end(stopGraceMs),
    kill: () => end(0),
  };
}

function serverArgs(options: EmbeddedRedisOptions & { port: number }): string[] {
  const { dir, port, appendOnly = true, appendFsync = "always", extraArgs = [] } = options;
  const settings = {
    port: String(port),
    bind: "127.0.0.1",
    "protected-mode": "yes",
    daemonize: "no",
    dir,
    appendonly: appendOnly ? "yes" : "no",
    appendfsync: appendFsync,
    // The append-only file is the one record; snapshots would only cost time.
    save: "",
    "notify-keyspace-events": "Ex",
    "maxmemory-policy": "noeviction",
  };
  return [...Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]), ...extraArgs];
}

/** Polls until the server answers, and says why it never will. */
async function awaitReady(child: GuardedChild, port: number): Promise<string> {
  const deadlineMs = performance.now() + readyTimeoutMs;
  let ended: string | undefined;
  void child.exited.then(({ code, signal }) => {
    ended = `it ended with ${code === null ? `signal ${signal}` : `exit code ${code}`}`;
  });
  while (ended === undefined) {
    // Something else at the port may keep the question open; the server's end must not wait for that.
    const isReady = await Promise.race([answers(port, child.pid), child.exited.then(() => false)]);
    if (isReady) return "ready";
    if (performance.now() > deadlineMs) return `it gave no answer within ${readyTimeoutMs} ms`;
    await delay(pollMs);
  }
  return ended;
}

/** Tells whether the server with this pid answers; another Redis may have got the port first. */
async function answers(port: number, pid: number): Promise<boolean> {
  const target = { port, timeoutMs: 1_000 };
  try {
    // PING is refused while the data is still being loaded, INFO is not.
    await sendRedisCommand(target, "PING");
    return (await sendRedisCommand(target, "INFO", "server")).includes(`process_id:${pid}\r\n`);
  } catch {
    return false;
  }
}
