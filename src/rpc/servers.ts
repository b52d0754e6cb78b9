import type { Handle } from "../core/requests.ts";
import { Calls } from "./calls.ts";
import { createFloodWatch } from "./flood-watch.ts";
import { GrpcServer } from "./grpc-server.ts";
import { HttpServer } from "./http-server.ts";
import { defaultRpcLimits, type RpcLimits } from "./limits.ts";
import { type ConnectionCounts, type ListenAddress, Listener } from "./listener.ts";
import type { Log } from "./log.ts";
import { allServices } from "./routes.ts";
import type { StatusPagesOptions } from "./status-pages.ts";
import type { TlsFiles } from "./tls-identity.ts";
import { createTlsListeners } from "./tls-listeners.ts";
import type { TlsServer } from "./tls-server.ts";
import { createRuleCheck } from "./validation.ts";

/** Options of `startServers`. */
export interface ServersOptions extends Omit<StatusPagesOptions, "log"> {
  readonly grpcAddress: ListenAddress;
  readonly httpAddress: ListenAddress;
  readonly handle: Handle;
  readonly log: Log;
  /** Origins whose browsers may call the HTTP listener. */
  readonly corsOrigins: readonly string[];
  /** The identity to show; plain text where there is none. */
  readonly tls?: TlsFiles | undefined;
  /** Limits that differ from `defaultRpcLimits`. */
  readonly limits?: Partial<RpcLimits>;
}

/** The two running servers. */
export interface Servers {
  readonly grpcPort: number;
  readonly httpPort: number;
  /** Sets what `grpc.health.v1` says; it starts with "not serving". */
  setServing(isServing: boolean): void;
  /** Connections of each listener, for metrics. */
  connections(): { readonly grpc: ConnectionCounts; readonly http: ConnectionCounts };
  /**
   * Takes no more calls, ends the streams, lets the other calls in flight end
   * for up to `ms` milliseconds, and closes.
   */
  drain(ms: number): Promise<void>;
  /** Looks at the certificate files now. */
  reload(): void;
  /** Closes at once; calls in flight are cancelled. */
  close(): void;
}

const certificatesOf = (tls: TlsServer | undefined) => (tls ? { certificateOf: tls.certificateOf } : {});

// Once the last call was answered, its bytes need a moment to leave; what is open then
// belongs to clients that ignore GOAWAY, or to reflection and other streams without an end.
const flushMs = 250;

/** Resolves when one of the two does: the promise, or `ms` milliseconds. */
async function within(ms: number, promise: Promise<unknown>): Promise<void> {
  const elapsed = Promise.withResolvers<void>();
  const timer = setTimeout(elapsed.resolve, ms);
  await Promise.race([promise, elapsed.promise]);
  clearTimeout(timer);
}

/** Starts both servers on their listeners; rejects with a sentence where an address cannot be had. */
export async function startServers(options: ServersOptions): Promise<Servers> {
  const { log, handle } = options;
  const limits: RpcLimits = { ...defaultRpcLimits, ...options.limits };
  const services = allServices(handle);
  const requests = services.flatMap(({ routes }) => routes.map(({ method }) => method.input));
  const calls = new Calls({ log, limits, checkRules: createRuleCheck(requests) });
  const tls = options.tls && createTlsListeners(options.tls, log);
  const grpcTls = tls?.add({ protocols: ["h2"], onSecure: (socket) => grpcServer.accept(socket) });
  const httpTls = tls?.add({ protocols: ["http/1.1"], onSecure: (socket) => httpServer.accept(socket) });
  const watch = createFloodWatch(limits, log);
  const { noteMessage: onMessage } = watch;
  const grpcServer = new GrpcServer({ services, calls, limits, onMessage, ...certificatesOf(grpcTls) });
  const httpServer = new HttpServer({ ...options, services, calls, limits, ...certificatesOf(httpTls) });
  const open = (name: string, address: ListenAddress, server: Pick<HttpServer, "accept">) =>
    Listener.open({ ...limits, ...address, name, accept: (socket) => server.accept(socket) });

  const close = (...listeners: readonly Listener[]) => {
    for (const listener of listeners) {
      listener.stopAccepting();
      listener.destroyAll();
    }
    watch.close();
    tls?.close();
    grpcServer.close();
    httpServer.close();
  };

  const opened: Listener[] = [];
  try {
    const grpc = await open("gRPC", options.grpcAddress, {
      accept(socket) {
        watch.add(socket);
        (grpcTls ?? grpcServer).accept(socket);
      },
    });
    opened.push(grpc);
    const http = await open("HTTP", options.httpAddress, httpTls ?? httpServer);
    return {
      grpcPort: grpc.port,
      httpPort: http.port,
      setServing: (isServing) => grpcServer.setServing(isServing),
      connections: () => ({ grpc: grpc.counts, http: http.counts }),
      drain: async (ms) => {
        grpcServer.setServing(false);
        grpc.stopAccepting();
        http.stopAccepting();
        // At once, so that their callers resume on another server while this one finishes its calls.
        calls.endStreams();
        grpcServer.goAway(ms);
        httpServer.closeIdle();
        const closed = Promise.all([grpc.whenEmpty(), http.whenEmpty()]);
        const answered = calls.whenIdle().then(() => within(flushMs, closed));
        await within(ms, answered);
        close(grpc, http);
      },
      reload: () => tls?.reload(),
      close: () => close(grpc, http),
    };
  } catch (error) {
    close(...opened);
    throw error;
  }
}
