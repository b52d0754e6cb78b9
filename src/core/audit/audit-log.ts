import type { Clock } from "../clock.ts";
import { CoreError } from "../errors.ts";
import { type AuditEntry, auditLine, noticeLine } from "./audit-entry.ts";
import type { AuditSink } from "./audit-sink.ts";
import { createSinkHash, type SinkHash } from "./sink-hash.ts";
import { createSinkQueue, type SinkQueue } from "./sink-queue.ts";

/** A sink to write to; without one where it could not be opened, which counts as a sink that cannot write. */
export interface OpenSink {
  readonly sink: AuditSink | undefined;
  /** Keys the digests of this sink. */
  readonly salt: Uint8Array;
}

/** Where calls and answers are written down. */
export interface AuditLog {
  /** Whether there is any sink. */
  isOn(): boolean;
  /** Resolves once at least one sink has the entry; at once where there is no sink. Rejects with `AUDIT_UNAVAILABLE`. */
  write(entry: AuditEntry): Promise<void>;
  /** Writes to these sinks from now on. Resolves once nothing waits any more for those that are not among them. */
  use(sinks: ReadonlyMap<string, OpenSink>): Promise<void>;
  /** Has all sinks open anew what they write to. */
  reopen(): Promise<void>;
}

interface SinkInUse {
  readonly name: string;
  readonly sink: AuditSink | undefined;
  readonly hash: SinkHash;
  readonly queue: SinkQueue | undefined;
}

/** Makes a log without sinks. `tell` hears of each sink that could not write, once until it can again. */
export function createAuditLog(options: {
  readonly clock: Clock;
  readonly tell: (name: string, error: unknown) => void;
}): AuditLog {
  const { clock, tell } = options;
  let inUse: readonly SinkInUse[] = [];
  const failing = new Set<string>();

  const writeTo = async ({ name, queue, hash }: SinkInUse, entry: AuditEntry): Promise<void> => {
    try {
      if (!queue) throw new Error("The sink could not be opened.");
      await queue.write(auditLine(entry, hash));
      failing.delete(name);
    } catch (error) {
      if (!failing.has(name)) tell(name, error);
      failing.add(name);
      throw error;
    }
  };

  return {
    isOn: () => inUse.length > 0,
    async write(entry) {
      if (inUse.length === 0) return;
      try {
        await Promise.any(inUse.map((each) => writeTo(each, entry)));
      } catch (cause) {
        throw new CoreError("AUDIT_UNAVAILABLE", words[entry.type], { cause });
      }
    },
    async use(sinks) {
      const before = new Map(inUse.map((each) => [each.name, each]));
      inUse = [...sinks].map(([name, { sink, salt }]) => {
        const known = before.get(name);
        if (known && known.sink === sink) return known;
        const lostLine = (lines: number) => noticeLine(clock.nowMs(), name, { notice: "lost", lines });
        const queue = sink && createSinkQueue({ sink, clock, lostLine });
        return { name, sink, hash: createSinkHash(salt), queue };
      });
      const isDropped = (each: SinkInUse) => !inUse.includes(each);
      await Promise.all([...before.values()].filter(isDropped).map(({ queue }) => queue?.idle()));
    },
    async reopen() {
      await Promise.all(
        inUse.map(({ name, sink }) => sink?.reopen().catch((error: unknown) => tell(name, error))),
      );
    },
  };
}

// Whoever is refused may be anybody: which sinks there are, and what is wrong with them, is in the server's log.
const words: Readonly<Record<AuditEntry["type"], string>> = {
  request:
    "The call was not carried out, since no audit sink could write it down. The cause is in the server's log.",
  response:
    "The answer is withheld, since no audit sink could write it down: what it issued is being revoked, and whatever else it " +
    "changed stays changed. The cause is in the server's log.",
};
