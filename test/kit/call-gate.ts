import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { scripts } from "../../src/redis/scripts.ts";
import { commandWords, type Frames, redisFrames, requestFrames } from "./call-frames.ts";

/** One call that a process makes to the outside. */
export interface OutsideCall {
  /** `redis:begin` for a script, `redis:get data:config/root` for a command and its key, `aws:CreateUser` for an action. */
  readonly name: string;
  /** Which of the calls of this name it is since the gate was watched, from 1. */
  readonly nth: number;
}

/** Where a call stops for ever: before the other side hears of it, or after its effect and before the reply. */
export type StopWhen = "before" | "after";

/** All ways to the outside that one process has: proxies that see every call, and can stop one of them. */
export interface CallGate extends AsyncDisposable {
  /** Environment that leads a server through the gate. */
  readonly env: Readonly<Record<string, string>>;
  /** The calls since the gate was watched, in the order they were sent. */
  readonly calls: readonly OutsideCall[];
  /** Counts calls from here on, and passes all. */
  watch(): void;
  /** Counts calls from here on; resolves once the given one has stopped. Nothing passes the gate from then on. */
  stopAt(call: OutsideCall, when: StopWhen): Promise<void>;
  close(): Promise<void>;
}

const scriptNames = new Map(
  Object.values(scripts).flatMap(({ name, sha1, text }) => [
    [sha1, name],
    [text, name],
  ]),
);

/** A key without what differs between two runs: `data:roles/deploy` of `lh:{aws_1a2b3c4d}:data:roles/deploy`. */
const shortKey = (key: string): string => key.replace(/^lh:(\{[^}]*\}:)?/, "");

function nameOfCommand(command: Buffer): string {
  const [word = "", argument = ""] = commandWords(command);
  const script = /^eval(sha)?$/i.test(word) ? scriptNames.get(argument) : undefined;
  return `redis:${script ?? `${word.toLowerCase()} ${shortKey(argument)}`.trim()}`;
}

const nameOfRequest = (request: Buffer): string =>
  `aws:${/(?:^|&|\n)Action=(\w+)/.exec(request.toString("latin1"))?.[1] ?? "(unknown)"}`;

/** How one kind of connection is read. */
interface Protocol {
  readonly requests: () => Frames;
  /** Undefined where a request has to be answered before the next one, so that whatever comes back belongs to it. */
  readonly replies: (() => Frames) | undefined;
  readonly nameOf: (request: Buffer) => string;
}

const redisProtocol: Protocol = { requests: redisFrames, replies: redisFrames, nameOf: nameOfCommand };
const awsProtocol: Protocol = { requests: requestFrames, replies: undefined, nameOf: nameOfRequest };

/** Opens the ways of one process to a Redis and to the simulator, both on this machine. */
export async function openCallGate(targets: {
  readonly redisPort: number;
  readonly awsPort: number;
}): Promise<CallGate> {
  let calls: OutsideCall[] = [];
  let stop: { readonly call: OutsideCall; readonly when: StopWhen; readonly stopped: () => void } | undefined;
  let isShut = false;
  const sockets = new Set<Socket>();
  const closings: (() => Promise<void>)[] = [];

  const shut = (): void => {
    isShut = true;
    stop?.stopped();
  };

  /** Says whether a call may pass, and whether it is the one whose reply must not. */
  const judge = (name: string): "pass" | "last" | "stop" => {
    if (isShut) return "stop";
    const nth = calls.filter((call) => call.name === name).length + 1;
    calls.push({ name, nth });
    if (stop?.call.name !== name || stop.call.nth !== nth) return "pass";
    return stop.when === "before" ? "stop" : "last";
  };

  const link = (client: Socket, target: Socket, protocol: Protocol): void => {
    const requests = protocol.requests();
    const replies = protocol.replies?.();
    /** How many replies are owed on this connection, up to that of the call to stop after. */
    let owed = 0;
    let owedUntilStop: number | undefined;
    client.on("data", (chunk) => {
      for (const request of requests.push(chunk)) {
        const verdict = judge(protocol.nameOf(request));
        if (verdict === "stop") return shut();
        owed += 1;
        if (verdict === "last") owedUntilStop = owed;
        target.write(request);
      }
    });
    target.on("data", (chunk) => {
      for (const reply of replies?.push(chunk) ?? [chunk]) {
        if (owedUntilStop === 1 || (replies === undefined && owedUntilStop !== undefined)) return shut();
        if (isShut) return;
        owed -= 1;
        if (owedUntilStop !== undefined) owedUntilStop -= 1;
        client.write(reply);
      }
    });
  };

  const listen = async (targetPort: number, protocol: Protocol): Promise<number> => {
    const server = createServer((client) => {
      const target = connect({ host: "127.0.0.1", port: targetPort });
      for (const socket of [client, target]) {
        sockets.add(socket);
        // An error ends in a close.
        socket.on("error", () => {});
        socket.on("close", () => {
          sockets.delete(socket);
          client.destroy();
          target.destroy();
        });
      }
      link(client, target, protocol);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    closings.push(() => new Promise<void>((resolve) => void server.close(() => resolve())));
    return (server.address() as AddressInfo).port;
  };

  const close = async (): Promise<void> => {
    const closed = Promise.all(closings.map((end) => end()));
    for (const socket of sockets) socket.destroy();
    await closed;
  };

  const redisPort = await listen(targets.redisPort, redisProtocol);
  const awsUrl = `http://127.0.0.1:${await listen(targets.awsPort, awsProtocol)}`;
  const watch = (): void => {
    calls = [];
    stop = undefined;
  };
  return {
    env: {
      LEASEHOLD_REDIS_URL: `redis://127.0.0.1:${redisPort}`,
      AWS_ENDPOINT_URL_IAM: awsUrl,
      AWS_ENDPOINT_URL_STS: awsUrl,
    },
    get calls() {
      return calls;
    },
    watch,
    stopAt(call, when) {
      watch();
      const { promise, resolve } = Promise.withResolvers<void>();
      stop = { call, when, stopped: resolve };
      return promise;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
