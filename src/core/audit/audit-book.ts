import { randomBytes } from "node:crypto";
import { CoreError, quote } from "../errors.ts";
import { invalidField } from "../field.ts";
import { isJsonObject, type JsonObject } from "../json.ts";
import type { MountStorage } from "../mount-storage.ts";
import type { AuditLog, OpenSink } from "./audit-log.ts";
import { type AuditSinkSettings, auditSinkTypes, type OpenAuditSink } from "./audit-sink.ts";
import { createSinkHash, saltBytes } from "./sink-hash.ts";

const namePattern = /^[a-z0-9][a-z0-9._-]{0,63}$/;
const sinksMax = 16;

/** A sink as it is listed. */
export interface AuditView extends AuditSinkSettings {
  readonly name: string;
  /** Whether this server has it open. */
  readonly isOpen: boolean;
}

/** Which sinks there are, on all servers. Every method rejects with `STORAGE_UNAVAILABLE` where the storage is away. */
export interface AuditBook {
  /** Opens a sink and writes to it from now on, on every server within a second. Throws `INVALID_FIELD`. */
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
  readonly tell: (name: string, error: unknown) => void;
}): AuditBook {
  const { storage, log, openSink, tell } = options;
  const held = new Map<string, Held>();

  const read = async (name: string): Promise<JsonObject> => {
    const stored = await storage.get(entryOf(name));
    if (stored) return stored;
    throw new CoreError(
      "NO_SUCH_AUDIT",
      `There is no audit sink ${quote(name)}. List them with "audit list".`,
      {
        details: { audit: name.slice(0, 64) },
      },
    );
  };

  const open = async (name: string, stored: JsonObject): Promise<Held> => {
    const salt = Buffer.from(String(stored.salt), "base64");
    const text = JSON.stringify(stored);
    try {
      return { sink: await openSink(settingsOf(stored)), salt, text };
    } catch (error) {
      tell(name, error);
      return { sink: undefined, salt, text };
    }
  };

  const drop = (name: string): void => {
    const sink = held.get(name)?.sink;
    held.delete(name);
    // Lines that are on their way are written first: whoever waits for them has been let go by then.
    sink?.close().catch((error: unknown) => tell(name, error));
  };

  const follow = async (): Promise<void> => {
    const names = await storage.list("audit/");
    const stored = await Promise.all(
      names.map(async (name) => [name, await storage.get(entryOf(name))] as const),
    );
    const wanted = new Map(stored.flatMap(([name, entry]) => (entry ? [[name, entry] as const] : [])));
    const gone = [...held.keys()].filter((name) => !wanted.has(name));
    for (const [name, entry] of wanted) {
      const before = held.get(name);
      const isSame = before?.text === JSON.stringify(entry);
      if (isSame && before?.sink) continue;
      if (before && !isSame) drop(name);
      held.set(name, await open(name, entry));
    }
    log.use(new Map([...held].filter(([name]) => wanted.has(name))));
    for (const name of gone) drop(name);
  };

  return {
    follow,
    async enable(name, settings) {
      if (!namePattern.test(name))
        throw invalidField(
          "name",
          `must be lower-case letters, digits, ".", "_" and "-", at most 64; not ${quote(name)}.`,
        );
      const names = await storage.list("audit/");
      if (names.includes(name))
        throw invalidField(
          "name",
          `${quote(name)} is in use. Disable that sink first, or choose another name.`,
        );
      if (names.length >= sinksMax)
        throw invalidField("name", `is one too many: ${sinksMax} sinks are allowed.`);
      // Tried before anybody relies on it.
      const sink = await openSink(settings);
      await sink.close();
      const salt = randomBytes(saltBytes).toString("base64");
      await storage.put(entryOf(name), { type: settings.type, options: { ...settings.options }, salt });
      await follow();
    },
    async disable(name) {
      await read(name);
      await storage.delete(entryOf(name));
      await follow();
    },
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
      log.use(new Map());
      await Promise.all([...held.values()].map(({ sink }) => sink?.close().catch(() => {})));
      held.clear();
    },
  };
}

const entryOf = (name: string): string => `audit/${name}`;

function settingsOf({ type, options }: JsonObject): AuditSinkSettings {
  const known = auditSinkTypes.find((each) => each === type);
  if (known === undefined) throw new Error(`The stored audit sink is of the type ${JSON.stringify(type)}.`);
  const entries = isJsonObject(options) ? Object.entries(options) : [];
  return { type: known, options: Object.fromEntries(entries.map(([key, value]) => [key, String(value)])) };
}
