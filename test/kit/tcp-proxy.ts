import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

/** What a proxy does with what is sent. `blackHole`: it takes everything, new connections too, and passes nothing on. */
export type ProxyMode = "pass" | "blackHole";

/** Which reply is to be lost. */
export interface LostReply {
  /** Text that the request contains, such as the name of a script. */
  readonly requestWith: string;
  /** Which of the requests with it, from 1; the first unless told. */
  readonly nth?: number;
}

/** A TCP proxy on a loopback port, which can break every connection through it. */
export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  /** How many connections are open. */
  connections(): number;
  setMode(mode: ProxyMode): void;
  /** Holds back whatever passes, either way, for so long. */
  setDelay(ms: number): void;
  /** Cuts every connection with a reset. */
  reset(): void;
  /**
   * Lets one request through, and cuts its connection once the answer has come, without passing it on. Resolves when
   * that has happened.
   */
  loseReply(lost: LostReply): Promise<void>;
  close(): Promise<void>;
}

interface Link {
  readonly client: Socket;
  readonly target: Socket;
  /** Set once the request went through whose reply is to be lost. */
  losing: (() => void) | undefined;
}

/** Starts a proxy to a port on this machine. */
export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  const links = new Set<Link>();
  let mode: ProxyMode = "pass";
  let delayMs = 0;
  let loss: { readonly requestWith: Buffer; left: number; readonly lost: () => void } | undefined;

  const cut = ({ client, target }: Link): void => {
    client.resetAndDestroy();
    target.destroy();
  };

  /** What is still held back for a socket: a chunk never overtakes an earlier one. */
  const heldBack = new WeakMap<Socket, Promise<void>>();

  const pass = (chunk: Buffer, to: Socket): void => {
    // What is swallowed once stays so: a connection with a hole in it is of no use afterwards, and is cut.
    if (mode === "blackHole") return;
    const write = () => void (to.destroyed || to.write(chunk));
    const before = heldBack.get(to);
    if (delayMs === 0 && before === undefined) {
      write();
      return;
    }
    const passed = Promise.all([before, delay(delayMs)]).then(() => {
      write();
      if (heldBack.get(to) === passed) heldBack.delete(to);
    });
    heldBack.set(to, passed);
  };

  const server = createServer((client) => {
    const target = connect({ host: "127.0.0.1", port: targetPort });
    const link: Link = { client, target, losing: undefined };
    links.add(link);
    client.on("data", (chunk) => {
      if (loss && mode === "pass" && chunk.includes(loss.requestWith)) {
        loss.left -= 1;
        if (loss.left === 0) {
          link.losing = loss.lost;
          loss = undefined;
        }
      }
      pass(chunk, target);
    });
    target.on("data", (chunk) => {
      if (link.losing === undefined) return pass(chunk, client);
      cut(link);
      link.losing();
    });
    for (const socket of [client, target]) {
      // An error ends in a close.
      socket.on("error", () => {});
      socket.on("close", () => {
        links.delete(link);
        client.destroy();
        target.destroy();
      });
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");

  const close = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
    for (const link of links) cut(link);
    await closed;
  };
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => links.size,
    setMode(next) {
      const wasBroken = mode === "blackHole";
      mode = next;
      if (wasBroken && next === "pass") for (const link of links) cut(link);
    },
    setDelay(ms) {
      delayMs = ms;
    },
    reset() {
      for (const link of links) cut(link);
    },
    loseReply({ requestWith, nth = 1 }) {
      const { promise, resolve } = Promise.withResolvers<void>();
      loss = { requestWith: Buffer.from(requestWith), left: nth, lost: resolve };
      return promise;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
