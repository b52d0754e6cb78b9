import { execFile } from "node:child_process";
import { readFile, readlink, realpath, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

// Redis does not lock its folder, and two servers that append to one file destroy it. After a SIGKILL of
// its parent a server lives for up to two seconds more, so a quick restart would do just that.

const ownerFile = (dir: string) => join(dir, "redis.pid");
/** Longer than the two seconds in which an orphaned server ends. */
const usualWaitMs = 4_000;
const pollMs = 20;

/** Notes that the server with this pid now uses the data folder. */
export async function claimDataFolder(dir: string, pid: number): Promise<void> {
  await writeFile(ownerFile(dir), `${pid}\n`, { mode: 0o600 });
}

/** Forgets the server with this pid, which has ended; a server that took the folder since stays noted. */
export async function releaseDataFolder(dir: string, pid: number): Promise<void> {
  if ((await readOwner(dir)) === pid) await rm(ownerFile(dir), { force: true });
}

/**
 * Waits until no earlier server uses the data folder.
 *
 * Rejects when one still does after `waitMaxMs`, four seconds unless told, which an orphan never does: it
 * then belongs to a process that lives.
 */
export async function awaitDataFolder(dir: string, waitMaxMs = usualWaitMs): Promise<void> {
  const deadlineMs = performance.now() + waitMaxMs;
  for (;;) {
    const pid = await findOwner(dir);
    if (pid === undefined) return;
    if (performance.now() > deadlineMs) {
      throw new Error(
        `Cannot start Redis in "${dir}": a Redis server with pid ${pid} uses that folder. ` +
          "Stop the process that started it, or choose another folder.",
      );
    }
    await delay(pollMs);
  }
}

async function findOwner(dir: string): Promise<number | undefined> {
  const pid = await readOwner(dir);
  if (pid === undefined || !isAlive(pid)) return undefined;
  // The pid can have gone to another process since; a server's working folder is its data folder.
  const workingDir = await readWorkingDir(pid);
  return workingDir === (await realpath(dir)) ? pid : undefined;
}

async function readOwner(dir: string): Promise<number | undefined> {
  const pid = Number.parseInt(await readFile(ownerFile(dir), "utf8").catch(() => ""), 10);
  return pid > 0 ? pid : undefined;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

async function readWorkingDir(pid: number): Promise<string | undefined> {
  if (process.platform === "linux") return readlink(`/proc/${pid}/cwd`).catch(() => undefined);
  return new Promise((resolve) => {
    execFile("lsof", ["-a", "-p", String(pid), "-d", "cwd", "-Fn"], { timeout: 2_000 }, (_error, stdout) => {
      resolve(/^n(.+)$/m.exec(stdout)?.[1]);
    });
  });
}
