import { randomBytes } from "node:crypto";
import { open, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type {
  ObserverMemory,
  Remembered,
  RememberedMount,
  RememberedObserving,
} from "./core/observer-memory.ts";

const formatVersion = 1;
/** A thousand mounts with the longest paths take less than half of it. */
const bytesMax = 1024 * 1024;
const mountsMax = 1000;

/** A state file that cannot be used, and what to do; the server exits 2. */
export class StateFileError extends Error {
  constructor(path: string, problem: string) {
    super(
      `The state file ${JSON.stringify(path)} (LEASEHOLD_STATE_FILE) ${problem} It tells an emptied or restored Redis from a normal one. ` +
        "Put it right; or remove it, and the server trusts what Redis holds.",
    );
    this.name = "StateFileError";
  }
}

/**
 * Keeps what a server has seen of Redis in a file, as JSON, readable for its owner alone. A write replaces the file
 * as a whole, so that a crash leaves the earlier one. `read` throws `StateFileError` for a file that is broken, cannot be read, or
 * lies in a folder where it cannot be written.
 */
export function openStateFile(path: string): ObserverMemory {
  const file = resolve(path);
  // Two servers that were given one file by mistake do not write into each other's.
  const beside = `${file}.${randomBytes(4).toString("hex")}.tmp`;

  const write = async (remembered: Remembered): Promise<void> => {
    try {
      const handle = await open(beside, "w", 0o600);
      try {
        await handle.writeFile(textOf(remembered));
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(beside, file);
    } catch (error) {
      await rm(beside, { force: true });
      throw error;
    }
  };

  const checkWritable = async (): Promise<void> => {
    try {
      await (await open(beside, "w", 0o600)).close();
    } catch (error) {
      throw new StateFileError(
        file,
        `cannot be written in ${JSON.stringify(dirname(file))}: ${reasonOf(error)}.`,
      );
    }
    await rm(beside, { force: true });
  };

  return {
    write,
    async read() {
      // Now, rather than in a log line an hour after the start.
      await checkWritable();
      const text = await readText(file);
      return text === undefined ? undefined : parse(file, text);
    },
  };
}

async function readText(file: string): Promise<string | undefined> {
  try {
    const { size } = await stat(file);
    if (size <= bytesMax) return await readFile(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw new StateFileError(file, `cannot be read: ${reasonOf(error)}.`);
  }
  throw new StateFileError(file, `is larger than ${bytesMax} bytes, which no server writes.`);
}

function textOf({ seenAtMs, mounts, observing }: Remembered): string {
  const entries = [...mounts].map(([accessor, { path, epoch, settledEpoch, leases }]) => [
    accessor,
    { path, epoch, settledEpoch, leases },
  ]);
  const state = {
    version: formatVersion,
    seenAt: timeOf(seenAtMs),
    ...(observing && { observing: writtenOf(observing) }),
    mounts: Object.fromEntries(entries),
  };
  return `${JSON.stringify(state, undefined, 2)}\n`;
}

function writtenOf({ reasons, sinceMs, resumedBeforeMs }: RememberedObserving) {
  return { reasons, since: timeOf(sinceMs), resumedBefore: timeOf(resumedBeforeMs) };
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}

/** Milliseconds; NaN for what is no time. */
function parseTime(time: unknown): number {
  return typeof time === "string" ? Date.parse(time) : Number.NaN;
}

/** Undefined for what no server writes. */
function parseObserving(observing: unknown): RememberedObserving | undefined {
  if (!isRecord(observing)) return undefined;
  const { reasons, since, resumedBefore } = observing;
  const [sinceMs, resumedBeforeMs] = [parseTime(since), parseTime(resumedBefore)];
  const areReasons = Array.isArray(reasons) && reasons.every((reason) => typeof reason === "string");
  if (!areReasons || !Number.isFinite(sinceMs + resumedBeforeMs)) return undefined;
  return { reasons, sinceMs, resumedBeforeMs };
}

function parse(file: string, text: string): Remembered {
  const state = parseJson(file, text);
  const broken = (what: string) => new StateFileError(file, `is broken: ${what}.`);
  if (!isRecord(state)) throw broken("it is no JSON object");
  if (state["version"] !== formatVersion) throw broken(`its version is not ${formatVersion}`);
  const seenAtMs = parseTime(state["seenAt"]);
  if (!Number.isFinite(seenAtMs)) throw broken('"seenAt" is no time');
  if (!isRecord(state["mounts"])) throw broken('"mounts" is no object');
  const entries = Object.entries(state["mounts"]);
  if (entries.length > mountsMax) throw broken(`it has more than ${mountsMax} mounts`);
  const mounts = new Map<string, RememberedMount>();
  for (const [accessor, mount] of entries) {
    if (!isMount(mount))
      throw broken(`mount ${JSON.stringify(accessor)} lacks its path, its epochs or its leases`);
    const { path, epoch, settledEpoch = epoch, leases } = mount;
    mounts.set(accessor, { path, epoch, settledEpoch, leases });
  }
  // One that does not observe writes none, nor did earlier servers.
  if (state["observing"] === undefined) return { seenAtMs, mounts };
  const observing = parseObserving(state["observing"]);
  if (!observing) throw broken('"observing" lacks its reasons or its times');
  return { seenAtMs, mounts, observing };
}

function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // What the parser says would show a part of the file.
    throw new StateFileError(file, "is broken: it is no JSON.");
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Earlier servers wrote no settled epoch. */
type WrittenMount = Omit<RememberedMount, "settledEpoch"> & Partial<RememberedMount>;

function isMount(value: unknown): value is WrittenMount {
  if (!isRecord(value)) return false;
  const isCount = (count: unknown) => Number.isSafeInteger(count) && Number(count) >= 0;
  const { path, epoch, settledEpoch = epoch, leases } = value;
  return typeof path === "string" && [epoch, settledEpoch, leases].every(isCount);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
