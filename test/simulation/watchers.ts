import { CoreError } from "../../src/core/errors.ts";
import type { LeaseEventView } from "../../src/core/requests.ts";
import { createHeardEvents, type HeardEvents } from "./heard-events.ts";
import type { Invariants } from "./invariants.ts";
import type { LeaseHistory } from "./lease-history.ts";
import { rootToken, type Server, type Servers } from "./servers.ts";
import type { World } from "./world.ts";

/** Those who watch leases, on one server after the other. */
export interface Watchers {
  begin(): void;
  /** What one of them has not heard of yet, in words. */
  missing(): string | undefined;
}

/** A watcher's stream from one server. */
interface Line {
  readonly server: Server;
  readonly caller: AbortController;
  isCut: boolean;
}

/** Makes watchers, who hang up, lag, lose their server, and go on elsewhere with the token of the last event that they heard. */
export function createWatchers(options: {
  readonly world: World;
  readonly servers: Servers;
  readonly invariants: Invariants;
  readonly history: LeaseHistory;
  readonly prefixes: readonly string[];
}): Watchers {
  const { world, servers, invariants, history, prefixes } = options;
  const { scheduler, faults, trace } = world;
  const random = world.random("watchers");
  const all = prefixes.map((prefix, at) => {
    const name = `watcher${at + 1}`;
    const onGap = () => faults.fired("watcher: told of a gap");
    return { name, prefix, heard: createHeardEvents({ name, prefix, history, invariants, onGap }) };
  });

  const watch = (name: string, prefix: string, heard: HeardEvents): void => {
    const again = (): void => scheduler.after(random.between(50, 3000), () => watch(name, prefix, heard));
    const ready = servers.ready();
    if (ready.length === 0) {
      again();
      return;
    }
    const line: Line = { server: random.pick(ready), caller: new AbortController(), isCut: false };
    const { process, core } = line.server;
    const cut = (): void => {
      if (line.isCut) return;
      line.isCut = true;
      again();
    };
    const receive = (event: LeaseEventView): void => {
      if (line.isCut) return;
      trace.add(`${name} hears ${event.kind} ${event.lease?.id ?? ""}`);
      heard.hear(event);
      const lagMs = faults.strikes("watcher: lagging") ? random.between(300, 4000) : random.between(0, 5);
      process.after(lagMs + random.between(0.2, 3), () => pump(), "network");
    };
    let pump = (): void => {};
    /** The server sends the next event once the last one was taken. */
    const pumpOf = (events: AsyncIterator<LeaseEventView>) => (): void => {
      events.next().then(
        ({ done, value }) => scheduler.after(random.between(0.2, 3), () => (done ? cut() : receive(value))),
        (error: unknown) => fail(error),
      );
    };
    const fail = (error: unknown): void => {
      invariants.failed("watchLeases", error);
      scheduler.after(random.between(0.2, 3), cut);
    };

    trace.add(`${name} watches on ${process.name}`);
    process.onKill(() => scheduler.after(random.between(0.2, 3), cut));
    scheduler.after(random.between(1000, 30_000), () => {
      if (line.isCut) return;
      faults.fired("watcher: hung up");
      cut();
      process.after(
        random.between(0.2, 3),
        () => line.caller.abort(new CoreError("CANCELLED", "The caller hung up.")),
        "network",
      );
    });
    const context = {
      ...{ token: rootToken, signal: line.caller.signal, deadlineMs: Number.POSITIVE_INFINITY },
      ...{ peer: "127.0.0.1:2", requestId: name },
    };
    const resumeToken = heard.token;
    process.after(
      random.between(0.2, 3),
      () => {
        if (line.isCut) return;
        core.handle("watchLeases", { prefix, resumeToken }, context).then((events) => {
          if (resumeToken === "" && !line.isCut) heard.begin();
          pump = pumpOf(events[Symbol.asyncIterator]());
          pump();
        }, fail);
      },
      "network",
    );
  };

  return {
    begin() {
      for (const { name, prefix, heard } of all) watch(name, prefix, heard);
    },
    missing() {
      for (const { heard } of all) {
        const missing = heard.missing();
        if (missing !== undefined) return missing;
      }
      return undefined;
    },
  };
}
