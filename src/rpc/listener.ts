import { createServer, type Server, type Socket } from "node:net";
import { networkOf } from "../core/access/network-of.ts";

// A peer that vanished without a word is found out by probes after this time: an HTTP/1.1 stream has no other way.
const probeAfterMs = 50_000;

/** Host and port to listen on; port 0 means any free one. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Options of `Listener.open`. */
export interface ListenerOptions extends ListenAddress {
  /** What is served there, for error messages: `gRPC`. */
  readonly name: string;
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
  /** Takes a connection over. The listener still counts it and can destroy it. */
  readonly accept: (socket: Socket) => void;
}

/** Connections of a listener, since it was opened. */
export interface ConnectionCounts {
  readonly open: number;
  readonly accepted: number;
  /** Closed at once, since there were too many. */
  readonly refused: number;
  /** Closed at once, since there were too many from the same address. */
  readonly refusedByAddress: number;
}

const causes: Readonly<Record<string, string>> = {
  EADDRINUSE: "another process listens there; stop it or choose another port",
  EACCES: "this user may not use the port; choose one above 1023",
  EADDRNOTAVAIL: "this machine does not have the address; choose one of its own",
  ENOTFOUND: "the host name is not known; choose an address of this machine",
};

/** Thrown where an address cannot be listened on; its message says why, and what to do. */
export class ListenError extends Error {
  constructor(options: Pick<ListenerOptions, "name" | "host" | "port">, cause: NodeJS.ErrnoException) {
    const why = causes[cause.code ?? ""] ?? cause.message;
    super(`Cannot listen for ${options.name} on "${options.host}:${options.port}": ${why}.`, { cause });
    this.name = "ListenError";
  }
}

/**
 * A listening socket and its connections. The servers' own `listen` leaves no
 * place for limits by address and for counting, hence this.
 */
export class Listener {
  readonly #server: Server;
  readonly #options: ListenerOptions;
  readonly #sockets = new Set<Socket>();
  readonly #byAddress = new Map<string, number>();
  readonly #emptyListeners = new Set<() => void>();
  #accepted = 0;
  #refused = 0;
  #refusedByAddress = 0;

  private constructor(options: ListenerOptions) {
    this.#options = options;
    const probing = { keepAlive: true, keepAliveInitialDelay: probeAfterMs };
    this.#server = createServer({ noDelay: true, ...probing }, (socket) => this.#admit(socket));
  }

  /** Starts to listen; rejects with a `ListenError` where the address cannot be had. */
  static async open(options: ListenerOptions): Promise<Listener> {
    const listener = new Listener(options);
    await new Promise<void>((resolve, reject) => {
      const server = listener.#server;
      server.once("error", (error) => reject(new ListenError(options, error)));
      server.listen({ host: options.host, port: options.port }, () => {
        server.removeAllListeners("error");
        // Accepting can fail later, for want of file descriptors; the connections there are go on.
        server.on("error", () => undefined);
        resolve();
      });
    });
    return listener;
  }

  /** The port that is listened on. */
  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  /** How many connections there are and were. */
  get counts(): ConnectionCounts {
    return {
      open: this.#sockets.size,
      accepted: this.#accepted,
      refused: this.#refused,
      refusedByAddress: this.#refusedByAddress,
    };
  }

  /** Closes the listening socket; connections stay. */
  stopAccepting(): void {
    this.#server.close();
  }

  /** Destroys all connections. */
  destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Resolves once no connection is open. */
  async whenEmpty(): Promise<void> {
    if (this.#sockets.size === 0) return;
    await new Promise<void>((resolve) => {
      const listener = () => {
        this.#emptyListeners.delete(listener);
        resolve();
      };
      this.#emptyListeners.add(listener);
    });
  }

  #admit(socket: Socket): void {
    // Whoever takes the connection over listens too; until then, and after a refusal, an error must not end the process.
    socket.on("error", () => undefined);
    const address = networkOf(socket.remoteAddress ?? "");
    const ofAddress = this.#byAddress.get(address) ?? 0;
    const isFull = this.#sockets.size >= this.#options.connectionsMax;
    if (isFull || ofAddress >= this.#options.connectionsPerAddressMax) {
      if (isFull) this.#refused++;
      else this.#refusedByAddress++;
      socket.destroy();
      return;
    }
    this.#accepted++;
    this.#sockets.add(socket);
    this.#byAddress.set(address, ofAddress + 1);
    socket.once("close", () => this.#forget(socket, address));
    this.#options.accept(socket);
  }

  #forget(socket: Socket, address: string): void {
    this.#sockets.delete(socket);
    const left = (this.#byAddress.get(address) ?? 1) - 1;
    if (left === 0) this.#byAddress.delete(address);
    else this.#byAddress.set(address, left);
    if (this.#sockets.size === 0) for (const listener of this.#emptyListeners) listener();
  }
}
