import {
  create,
  type DescMessage,
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

/** A connection to the server. It is opened by the first call. */
export class Session {
  readonly #settings: Settings;
  readonly #connectTimeoutMs: number;
  readonly #client: Client;

  constructor(settings: Settings, options: { connectTimeoutMs?: number } = {}) {
    this.#settings = settings;
    this.#connectTimeoutMs = options.connectTimeoutMs ?? connectTimeoutMsDefault;
    const channel = settings.isTls ? credentials.createSsl(settings.caCert) : credentials.createInsecure();
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
    const rpc = `${method.parent.typeName}/${method.name}`;
    const attempt = { doing, rpc, timeoutMs, settings: this.#settings };
    const message = create(method.input, request);
    const metadata = new Metadata();
    if (this.#settings.token !== undefined) metadata.set("authorization", `Bearer ${this.#settings.token}`);

    return new Promise((resolve, reject) => {
      // The deadline alone would let a command hang for a minute on a host that swallows packets.
      const connectTimer = setTimeout(() => {
        if (this.#client.getChannel().getConnectivityState(false) === connectivityState.READY) return;
        call.cancel();
        reject(callError(this.#neverConnected(), attempt));
      }, this.#connectTimeoutMs);
      const call = this.#client.makeUnaryRequest(
        `/${rpc}`,
        (input: MessageShape<I>) => Buffer.from(toBinary(method.input, input)),
        (bytes: Buffer) => fromBinary(method.output, bytes),
        message,
        metadata,
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

  #neverConnected(): Failure {
    const details = `No connection established. Last error: no answer within ${this.#connectTimeoutMs / 1000} s`;
    return { code: status.UNAVAILABLE, details, metadata: new Metadata() };
  }

  /** Closes the connection, so that the process can end. */
  close(): void {
    this.#client.close();
  }
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
