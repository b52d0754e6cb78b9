import { randomBytes } from "node:crypto";
import { type Clock, startTimeout } from "../clock.ts";
import { CoreError, hasCode, quote } from "../errors.ts";
import { invalidField } from "../field.ts";
import { isJsonObject, type JsonObject } from "../json.ts";
import type { MountStorage } from "../mount-storage.ts";
import { untilAborted } from "../until-aborted.ts";
import { noticeLine } from "./audit-entry.ts";
import type { AuditLog, OpenSink } from "./audit-log.ts";
import { type AuditSink, type AuditSinkSettings, auditSinkTypes, type OpenAuditSink } from "./audit-sink.ts";
import { createSinkHash, saltBytes } from "./sink-hash.ts";

const namePattern = /^[a-z0-9][a-z0-9._-]{0,63}$/;
const sinksMax = 16;
/** How long a sink may take to open or to close, and for its first line, in milliseconds: others wait meanwhile. */
const openMsMax = 2000;

/** A sink as it is listed. */
export interface AuditView extends AuditSinkSettings {
  readonly name: string;
  /** Whether this server has it open. */
  readonly isOpen: boolean;
}

/** Which sinks there are, on all servers. Every method rejects with `STORAGE_UNAVAILABLE` where the storage is away. */
export interface AuditBook {
  /**
   * Opens a sink, writes a first line to it, and uses it from now on, on every server within a second. Throws `INVALID_FIELD`: a
   * sink that takes nothing would have every later call refused, the one that disables it among them.
   */
  enable(name: string, settings: AuditSinkSettings): Promise<void>;
  /** Throws `NO_SUCH_AUDIT`. */
  disable(name: string): Promise<void>;
  list(): Promise<readonly AuditView[]>;
  /** What stands in the lines of a sink in place of a value. Throws `NO_SUCH_AUDIT`. */
  hash(name: string, value: string): Promise<string>;
  /** Opens what others have enabled, and closes what they have disabled. */
  follow(): Promise<void>;
  /** Closes all sinks. */
  close(): Promise<void>;
}

interface Held extends OpenSink {
  /** As it is stored. */
  readonly text: string;
}

/** Makes the book over the storage of what belongs to no mount. */
export function createAuditBook(options: {
  readonly storage: MountStorage;
  readonly log: AuditLog;
  readonly openSink: OpenAuditSink;
  readonly clock: Clock;
  readonly tell: (name: string, error: unknown) => void;
}): AuditBook {
  const { storage, log, openSink, clock, tell } = options;
  const held = new Map<string, Held>();
  /** Sinks that could not be opened, or whose entry does not open, as was told once. */
  const unopened = new Set<string>();
  let last: Promise<unknown> = Promise.resolve();

  /** One change after the other: two at a time would open a sink twice, and lose one of the two. */
  const inTurn = <Result>(work: () => Promise<Result>): Promise<Result> => {
    const result = last.then(work);
    last = result.catch(() => {});
    return result;
  };

  const inTime = async <Result>(work: Promise<Result>): Promise<Result> => {
    const limit = startTimeout(clock, openMsMax);
    try {
      return await untilAborted(work, limit.signal);
    } finally {
      limit.stop();
    }
  };

  /** Opens a sink, but does not wait for ever: what comes of it later is closed. */
  const openInTime = async (settings: AuditSinkSettings): Promise<AuditSink> => {
    const opening = openSink(settings);
    try {
      return await inTime(opening);
    } catch (error) {
      opening.then((late) => late.close()).catch(() => {});
      throw error;
    }
  };

  const tellOnce = (name: string, error: unknown): void => {
    if (!unopened.has(name)) tell(name, error);
    unopened.add(name);
  };

  const read = async (name: string): Promise<JsonObject> => {
    const stored = await storage.get(entryOf(name));
    if (stored) return stored;
    throw noSuchAudit(name);
  };

  const open = async (name: string, stored: JsonObject | BrokenEntry): Promise<Held> => {
    const text = textOf(stored);
    try {
      if (stored instanceof BrokenEntry) throw stored.cause;
      const salt = Buffer.from(String(stored.salt), "base64");
      const sink = await openInTime(settingsOf(stored));
      unopened.delete(name);
      return { sink, salt, text };
    } catch (error) {
      tellOnce(name, error);
      // Nothing is ever written with this salt: a sink that is not open writes nothing.
      return { sink: undefined, salt: randomBytes(saltBytes), text };
    }
  };

  /**
   * An entry that does not open stands for a sink that cannot write, and one that is in use stays in use: who can edit it must not
   * turn the audit off by that.
   */
  const readEntry = async (name: string): Promise<JsonObject | BrokenEntry | undefined> => {
    try {
      return await storage.get(entryOf(name));
    } catch (error) {
      if (hasCode(error, "DATA_CORRUPTED")) return new BrokenEntry(error);
      throw error;
    }
  };

  /** Writes to the sinks that are held, and closes others once what waits for them is written. */
  const useHeld = (dropped: readonly (readonly [string, Held])[]): void => {
    void log.use(new Map(held)).then(() => {
      for (const [name, { sink }] of dropped) sink?.close().catch((error: unknown) => tell(name, error));
    });
  };

  /** `disabled` is the sink that is known to be disabled by this server. */
  const followNow = async (disabled?: string): Promise<void> => {
    const names = await storage.list("audit/");
    const stored = await Promise.all(names.map(async (name) => [name, await readEntry(name)] as const));
    const wanted = new Map(stored.flatMap(([name, entry]) => (entry ? [[name, entry] as const] : [])));
    const isKept = ([name, { text }]: readonly [string, Held]): boolean => {
      const entry = wanted.get(name);
      return entry instanceof BrokenEntry || (entry !== undefined && text === textOf(entry));
    };
    const dropped = [...held].filter((each) => !isKept(each));
    for (const [name] of dropped) {
      if (name !== disabled && !wanted.has(name)) tell(name, noLongerStored());
      held.delete(name);
      unopened.delete(name);
    }
    for (const [name, entry] of wanted)
      if (entry instanceof BrokenEntry && held.has(name)) tellOnce(name, entry.cause);
    const missing = [...wanted].filter(([name]) => held.get(name)?.sink === undefined);
    // Side by side, since each may take its time.
    const opened = await Promise.all(
      missing.map(async ([name, entry]) => [name, await open(name, entry)] as const),
    );
    for (const [name, each] of opened) held.set(name, each);
    if (dropped.length > 0 || opened.length > 0) useHeld(dropped);
  };

  /** Tried before anybody relies on it. */
  const tryOut = async (name: string, settings: AuditSinkSettings): Promise<void> => {
    try {
      const sink = await openInTime(settings);
      const first = sink.write(noticeLine(clock.nowMs(), name, { notice: "enabled" }));
      // Not waited for where the first line hangs.
      void first.catch(() => {}).then(() => sink.close().catch(() => {}));
      await inTime(first);
    } catch (error) {
      if (hasCode(error, "INVALID_FIELD")) throw error;
      const why = error instanceof Error ? error.message : String(error);
      throw invalidField("type", `is of a sink that takes no line: ${why}`);
    }
  };

  const enable: AuditBook["enable"] = async (name, settings) => {
    if (!namePattern.test(name))
      throw invalidField(
        "name",
        `must be lower-case letters, digits, ".", "_" and "-", at most 64; not ${quote(name)}.`,
      );
    const names = await storage.list("audit/");
    if (names.includes(name)) throw inUse(name);
    if (names.length >= sinksMax)
      throw invalidField("name", `is one too many: ${sinksMax} sinks are allowed.`);
    await tryOut(name, settings);
    const salt = randomBytes(saltBytes).toString("base64");
    await storage.update(entryOf(name), (stored) => {
      // Another server was quicker, and has answered that its sink is used.
      if (stored) throw inUse(name);
      return { type: settings.type, options: { ...settings.options }, salt };
    });
    await followNow();
  };

  const disable: AuditBook["disable"] = async (name) => {
    // Asked of the names, so that one whose entry does not open can be disabled as well.
    if (!(await storage.list("audit/")).includes(name)) throw noSuchAudit(name);
    await storage.delete(entryOf(name));
    await followNow(name);
  };

  return {
    follow: () => inTurn(() => followNow()),
    enable: (name, settings) => inTurn(() => enable(name, settings)),
    disable: (name) => inTurn(() => disable(name)),
    async list() {
      const names = await storage.list("audit/");
      return await Promise.all(
        names.map(async (name) => ({
          name,
          ...settingsOf(await read(name)),
          isOpen: held.get(name)?.sink !== undefined,
        })),
      );
    },
    async hash(name, value) {
      const { salt } = await read(name);
      return createSinkHash(Buffer.from(String(salt), "base64"))(value);
    },
    async close() {
      await log.use(new Map());
      // Not waited for where one hangs: a server that stops has more to end than this.
      const closing = [...held.values()].map(({ sink }) => sink && inTime(sink.close()).catch(() => {}));
      await Promise.all(closing);
      held.clear();
    },
  };
}

/** An entry that is stored, and does not open. */
class BrokenEntry {
  readonly cause: unknown;
  constructor(cause: unknown) {
    this.cause = cause;
  }
}

const textOf = (entry: JsonObject | BrokenEntry): string =>
  entry instanceof BrokenEntry ? "" : JSON.stringify(entry);

/** It looks the same when another server disables a sink and when somebody deletes its entry, so that a person should hear of it. */
function noLongerStored(): Error {
  return new Error(
    "It is closed, since it is not stored any more: another server has disabled it, or somebody has deleted it from the storage.",
  );
}

function inUse(name: string): CoreError {
  return invalidField("name", `${quote(name)} is in use. Disable that sink first, or choose another name.`);
}

function noSuchAudit(name: string): CoreError {
  return new CoreError(
    "NO_SUCH_AUDIT",
    `There is no audit sink ${quote(name)}. List them with "audit list".`,
    {
      details: { audit: name.slice(0, 64) },
    },
  );
}

const entryOf = (name: string): string => `audit/${name}`;

function settingsOf({ type, options }: JsonObject): AuditSinkSettings {
  const known = auditSinkTypes.find((each) => each === type);
  if (known === undefined) throw new Error(`The stored audit sink is of the type ${JSON.stringify(type)}.`);
  const entries = isJsonObject(options) ? Object.entries(options) : [];
  return { type: known, options: Object.fromEntries(entries.map(([key, value]) => [key, String(value)])) };
}
