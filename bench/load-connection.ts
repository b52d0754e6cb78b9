import { connect, type Socket } from "node:net";
import {
  clientHello,
  frame,
  frameFlag,
  frameHeaderBytes,
  frameType,
  onStream,
  requestFrames,
  streamIdOffset,
  windowUpdate,
} from "./http2-frames.ts";

/** Bytes after which the server is let to send as many again. */
const windowStepBytes = 2 ** 28;

/** One connection's share of a load. */
export interface ConnectionLoad {
  readonly port: number;
  readonly headers: Readonly<Record<string, string>>;
  /** A gRPC message with its prefix. */
  readonly body: Uint8Array;
  /** Calls in flight. */
  readonly streams: number;
  readonly ms: number;
}

/** What came of it. */
export interface ConnectionOutcome {
  /** Time of each call that was answered, in milliseconds. */
  readonly latenciesMs: readonly number[];
  /** Calls that ended without a message. */
  readonly failed: number;
}

/**
 * Keeps calls in flight on one HTTP/2 connection, each followed by the next, and lets those end that are in flight
 * when the time is up. It writes frames that were built before and looks at nothing in the answers but where each
 * ends and whether it had a message, so that it costs a fraction of what the server spends. Rejects when the
 * connection is lost.
 */
export function loadConnection(load: ConnectionLoad): Promise<ConnectionOutcome> {
  const { promise, resolve, reject } = Promise.withResolvers<ConnectionOutcome>();
  const socket = connect({ host: "127.0.0.1", port: load.port, noDelay: true });
  const calls = new Calls(load, socket);
  let rest: Buffer = Buffer.alloc(0);
  socket.on("connect", () => calls.begin());
  socket.on("error", reject);
  socket.on("close", () => reject(new Error("The server has closed a connection of the load.")));
  socket.on("data", (chunk) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (bytes.length - at >= frameHeaderBytes) {
      const end = at + frameHeaderBytes + bytes.readUIntBE(at, 3);
      if (end > bytes.length) break;
      calls.take(bytes.subarray(at, end));
      at = end;
    }
    rest = bytes.subarray(at);
    const outcome = calls.goOn();
    if (outcome === undefined) return;
    socket.removeAllListeners("close");
    socket.destroy();
    resolve(outcome);
  });
  return promise;
}

/** The calls of one connection. */
class Calls {
  readonly #load: ConnectionLoad;
  readonly #socket: Socket;
  readonly #request: ReturnType<typeof requestFrames>;
  readonly #latenciesMs: number[] = [];
  /** Start of each call in flight, and whether a message came. */
  readonly #inFlight = new Map<number, { readonly startedMs: number; hasMessage: boolean }>();
  #out: Buffer[] = [];
  #ended = 0;
  #failed = 0;
  #nextStreamId = 1;
  #endsAtMs = 0;
  #receivedBytes = 0;

  constructor(load: ConnectionLoad, socket: Socket) {
    this.#load = load;
    this.#socket = socket;
    this.#request = requestFrames(load.headers, load.body);
  }

  begin(): void {
    const nowMs = performance.now();
    this.#endsAtMs = nowMs + this.#load.ms;
    this.#out.push(clientHello());
    this.#start(this.#load.streams, nowMs);
    this.#flush();
  }

  /** Takes one frame of the server. */
  take(bytes: Buffer): void {
    const type = bytes[3];
    const flags = bytes[4] ?? 0;
    const streamId = bytes.readUInt32BE(streamIdOffset);
    if (type === frameType.data) {
      this.#receivedBytes += bytes.length;
      const call = this.#inFlight.get(streamId);
      if (call !== undefined && bytes.length > frameHeaderBytes) call.hasMessage = true;
    }
    if (type === frameType.data || type === frameType.headers) {
      if ((flags & frameFlag.endStream) !== 0) this.#end(streamId);
    } else if (type === frameType.resetStream) {
      this.#end(streamId);
    } else if (type === frameType.settings && (flags & frameFlag.acknowledged) === 0) {
      this.#out.push(frame(frameType.settings, frameFlag.acknowledged, Buffer.alloc(0)));
    } else if (type === frameType.ping && (flags & frameFlag.acknowledged) === 0) {
      this.#out.push(frame(frameType.ping, frameFlag.acknowledged, bytes.subarray(frameHeaderBytes)));
    } else if (type === frameType.goAway) {
      this.#socket.destroy(new Error("The server has sent GOAWAY to the load."));
    }
  }

  /** Starts a call for each that ended, in one write; answers once the time is up and no call is left. */
  goOn(): ConnectionOutcome | undefined {
    const nowMs = performance.now();
    const isOver = nowMs >= this.#endsAtMs;
    if (!isOver) this.#start(this.#ended, nowMs);
    this.#ended = 0;
    if (this.#receivedBytes > windowStepBytes) {
      this.#out.push(windowUpdate(windowStepBytes));
      this.#receivedBytes -= windowStepBytes;
    }
    this.#flush();
    if (!isOver || this.#inFlight.size > 0) return undefined;
    return { latenciesMs: this.#latenciesMs, failed: this.#failed };
  }

  #start(count: number, startedMs: number): void {
    for (let i = 0; i < count; i++) {
      const { first, later } = this.#request;
      this.#out.push(onStream(this.#nextStreamId === 1 ? first : later, this.#nextStreamId));
      this.#inFlight.set(this.#nextStreamId, { startedMs, hasMessage: false });
      this.#nextStreamId += 2;
    }
  }

  #end(streamId: number): void {
    const call = this.#inFlight.get(streamId);
    if (call === undefined) return;
    this.#inFlight.delete(streamId);
    this.#ended += 1;
    if (call.hasMessage) this.#latenciesMs.push(performance.now() - call.startedMs);
    else this.#failed += 1;
  }

  #flush(): void {
    if (this.#out.length === 0) return;
    this.#socket.write(Buffer.concat(this.#out));
    this.#out = [];
  }
}
