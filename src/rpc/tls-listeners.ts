import type { Log } from "./log.ts";
import { readTlsIdentity, type TlsFiles, TlsIdentityError } from "./tls-identity.ts";
import { createTlsServer, type TlsServer } from "./tls-server.ts";

/** How often the files are looked at, in milliseconds. */
const lookEveryMs = 5000;

/** The TLS of all listeners: they show the same identity, which follows its files. */
export interface TlsListeners {
  /** Makes the TLS server of a listener. */
  add(options: Pick<Parameters<typeof createTlsServer>[0], "protocols" | "onSecure">): TlsServer;
  /** Looks at the files now: what has changed is shown from now on, and what cannot be used changes nothing. */
  reload(): void;
  close(): void;
}

/** Reads the identity and follows its files. Throws `TlsIdentityError`. */
export function createTlsListeners(files: TlsFiles, log: Pick<Log, "info" | "warn">): TlsListeners {
  let identity = readTlsIdentity(files, Date.now());
  const servers: TlsServer[] = [];
  let complaint = "";

  const reload = (): void => {
    try {
      const next = readTlsIdentity(files, Date.now());
      complaint = "";
      if (next.digest === identity.digest) return;
      identity = next;
      for (const server of servers) server.use(identity);
      log.info("the certificate files have changed, and are in use");
    } catch (error) {
      if (!(error instanceof TlsIdentityError)) throw error;
      // Half-written files look like this for a moment.
      if (error.message !== complaint)
        log.warn(
          { reason: error.message },
          "the certificate files cannot be used; what was read before stays",
        );
      complaint = error.message;
    }
  };
  const timer = setInterval(reload, lookEveryMs);
  timer.unref();

  return {
    add(options) {
      const server = createTlsServer({ ...options, files, identity });
      servers.push(server);
      return server;
    },
    reload,
    close: () => clearInterval(timer),
  };
}
