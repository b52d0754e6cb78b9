import {
  create,
  type DescMessage,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { Client, connectivityState, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { callError, type Failure } from "./call-error.ts";
import type { Invocation } from "./command.ts";
import type { Settings } from "./settings.ts";

/** How long a call may take at most, where the command names nothing else. */
export const callTimeoutMs = 60_000;

/** How long to wait for a connection at most; a call to a server that is there waits longer. */
const connectTimeoutMsDefault = 10_000;

/** What a call is for, and how long it may take. */
export type CallOptions = {
  /** What the call does, for error messages: `reading aws/config/root`. */
  doing: string;
  /** Deadline of the call, from now. */
  timeoutMs?: number;
};

/** What a stream is for, and when it ends. */
export type StreamOptions = {
  /** What the stream does, for error messages: `watching aws/`. */
  doing: string;
  /** Ends the stream without an error. */
  signal: AbortSignal;
  /** Is called once the server has accepted the call. */
  onOpen: () => void;
};

/** A connection to the server. It is opened by the first call. */
export class Session {
  readonly #settings: Settings;
  readonly #connectTimeoutMs: number;
  readonly #client: Client;

  constructor(settings: Settings, options: { connectTimeoutMs?: number } = {}) {
    this.#settings = settings;
    this.#connectTimeoutMs = options.connectTimeoutMs ?? connectTimeoutMsDefault;
    const { isTls, caCert, clientCert } = settings;
    const channel = isTls
      ? credentials.createSsl(caCert, clientCert?.key, clientCert?.cert)
      : credentials.createInsecure();
    this.#client = new Client(settings.target, channel, {
      // The token goes to the address that was named, not to a proxy from the environment.
      "grpc.enable_http_proxy": 0,
      "grpc.service_config_disable_resolution": 1,
    });
  }

  /** Calls a unary RPC. Throws a CallError where it fails. */
  call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    { doing, timeoutMs = callTimeoutMs }: CallOptions,
  ): Promise<MessageShape<O>> {
    const rpc = rpcName(method);
    const attempt = { doing, rpc, timeoutMs, settings: this.#settings };

    return new Promise((resolve, reject) => {
      const connectTimer = this.#onNeverConnected(() => {
        call.cancel();
        reject(callError(this.#neverConnected(), attempt));
      });
      const call = this.#client.makeUnaryRequest(
        `/${rpc}`,
        (input: MessageShape<I>) => Buffer.from(toBinary(method.input, input)),
        (bytes: Buffer) => fromBinary(method.output, bytes),
        create(method.input, request),
        this.#metadata(),
        { deadline: Date.now() + timeoutMs },
        (error: ServiceError | null, response?: MessageShape<O>) => {
          clearTimeout(connectTimer);
          // After a rejection these change nothing.
          if (response === undefined) reject(callError(error ?? emptyReply(), attempt));
          else resolve(response);
        },
      );
    });
  }

  /** Calls a server-streaming RPC, which has no deadline. Throws a CallError where it fails. */
  async *stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: MessageInitShape<I>,
    { doing, signal, onOpen }: StreamOptions,
  ): AsyncGenerator<MessageShape<O>, void> {
    if (signal.aborted) return;
    const rpc = rpcName(method);
    const attempt = { doing, rpc, timeoutMs: Number.POSITIVE_INFINITY, settings: this.#settings };
    let hasTimedOut = false;
    const call = this.#client.makeServerStreamRequest(
      `/${rpc}`,
      (input: MessageShape<I>) => Buffer.from(toBinary(method.input, input)),
      (bytes: Buffer) => fromBinary(method.output, bytes),
      create(method.input, request),
      this.#metadata(),
    );
    const connectTimer = this.#onNeverConnected(() => {
      hasTimedOut = true;
      call.cancel();
    });
    const cancel = () => call.cancel();
    signal.addEventListener("abort", cancel, { once: true });
    call.once("metadata", onOpen);
    try {
      for await (const message of call) yield message as MessageShape<O>;
    } catch (error) {
      if (signal.aborted) return;
      throw callError(hasTimedOut ? this.#neverConnected() : asFailure(error), attempt);
    } finally {
      clearTimeout(connectTimer);
      signal.removeEventListener("abort", cancel);
      call.cancel();
    }
  }

  #metadata(): Metadata {
    const metadata = new Metadata();
    if (this.#settings.token !== undefined) metadata.set("authorization", `Bearer ${this.#settings.token}`);
    return metadata;
  }

  /** A deadline alone would let a command hang for a minute, or for ever, on a host that swallows packets. */
  #onNeverConnected(giveUp: () => void): NodeJS.Timeout {
    return setTimeout(() => {
      if (this.#client.getChannel().getConnectivityState(false) !== connectivityState.READY) giveUp();
    }, this.#connectTimeoutMs);
  }

  #neverConnected(): Failure {
    const details = `No connection established. Last error: no answer within ${this.#connectTimeoutMs / 1000} s`;
    return { code: status.UNAVAILABLE, details, metadata: new Metadata() };
  }

  /** Closes the connection, so that the process can end. */
  close(): void {
    this.#client.close();
  }
}

function rpcName(method: DescMethodUnary | DescMethodServerStreaming): string {
  return `${method.parent.typeName}/${method.name}`;
}

/** What a stream of grpc-js throws is a status; anything else comes from a message that cannot be read. */
function asFailure(error: unknown): Failure {
  if (error instanceof Error && "code" in error && "details" in error && "metadata" in error) {
    const { code, details, metadata } = error;
    if (typeof code === "number" && typeof details === "string" && metadata instanceof Metadata) {
      return { code, details, metadata };
    }
  }
  const details = `the reply of the server cannot be read (${error instanceof Error ? error.message : error})`;
  return { code: status.INTERNAL, details, metadata: new Metadata() };
}

function emptyReply(): Failure {
  return { code: status.INTERNAL, details: "the reply of the server is empty", metadata: new Metadata() };
}

/** Opens a session, hands it to `use`, and closes it whatever happens. */
export async function withSession<T>(
  invocation: Invocation,
  use: (session: Session) => Promise<T>,
): Promise<T> {
  const session = new Session(invocation.settings());
  try {
    return await use(session);
  } finally {
    session.close();
  }
}
