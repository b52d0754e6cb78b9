import {
  create,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  type DescService,
  fromBinary,
  type JsonObject,
  type Message,
  type MessageInitShape,
  toBinary,
} from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerWritableStream,
  type ServiceDefinition,
  status,
} from "@grpc/grpc-js";
import { ErrorDetailSchema, ErrorReason } from "../../gen/leasehold/v1/errors_pb.ts";

/** A call as the fake server saw it. */
export type SeenCall = {
  rpc: string;
  request: unknown;
  authorization: string | undefined;
  deadlineMs: number;
};

/** A refusal, as a real server sends it. */
export class Refusal extends Error {
  readonly code: status;
  readonly reason: keyof typeof ErrorReason | undefined;
  readonly facts: Record<string, string>;

  constructor(
    message: string,
    {
      code,
      reason,
      facts = {},
    }: { code: status; reason?: keyof typeof ErrorReason; facts?: Record<string, string> },
  ) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.facts = facts;
  }
}

type Answer = (request: never, seen: SeenCall) => object | Promise<object>;
type StreamAnswer = (request: never, seen: SeenCall) => AsyncIterable<object>;

/** A gRPC server that answers single RPCs with functions, and keeps what it was asked. */
export class FakeServer {
  readonly calls: SeenCall[] = [];
  readonly #server = new Server();
  readonly #services = new Map<DescService, Map<string, Answer>>();
  readonly #streams = new Map<string, StreamAnswer>();
  #port = 0;

  /** Answers an RPC; a function that throws a Refusal refuses. */
  on<I extends DescMethodUnary>(
    method: I,
    answer: (
      request: import("@bufbuild/protobuf").MessageShape<I["input"]>,
      seen: SeenCall,
    ) => MessageInitShape<I["output"]> | Promise<MessageInitShape<I["output"]>>,
  ): this {
    return this.#register(method, answer as Answer);
  }

  /** Answers a streaming RPC; where the messages end with a Refusal, the stream is refused then. */
  onStream<I extends DescMethodServerStreaming>(
    method: I,
    answer: (
      request: import("@bufbuild/protobuf").MessageShape<I["input"]>,
      seen: SeenCall,
    ) => AsyncIterable<MessageInitShape<I["output"]>>,
  ): this {
    this.#streams.set(`${method.parent.typeName}/${method.name}`, answer as StreamAnswer);
    return this.#register(method, () => ({}));
  }

  /** Starts listening on a loopback port, a free one where none is given, with the functions given so far. */
  async start(
    serverCredentials: ServerCredentials = ServerCredentials.createInsecure(),
    port = 0,
  ): Promise<this> {
    for (const [service, answers] of this.#services) this.#addService(service, answers);
    this.#port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync(`127.0.0.1:${port}`, serverCredentials, (error, bound) =>
        error ? reject(error) : resolve(bound),
      );
    });
    return this;
  }

  get address(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get port(): number {
    return this.#port;
  }

  stop(): void {
    this.#server.forceShutdown();
  }

  #register(method: DescMethodUnary | DescMethodServerStreaming, answer: Answer): this {
    const answers = this.#services.get(method.parent) ?? new Map<string, Answer>();
    answers.set(method.name, answer);
    this.#services.set(method.parent, answers);
    return this;
  }

  #seen(rpc: string, call: { request: unknown; metadata: Metadata; getDeadline(): Date | number }): SeenCall {
    const seen: SeenCall = {
      rpc,
      request: call.request,
      authorization: call.metadata.get("authorization")[0]?.toString(),
      deadlineMs: Number(call.getDeadline()) - Date.now(),
    };
    this.calls.push(seen);
    return seen;
  }

  #addService(service: DescService, answers: Map<string, Answer>): void {
    const definition: Record<string, ServiceDefinition[string]> = {};
    const handlers: Record<string, Parameters<Server["addService"]>[1][string]> = {};
    for (const method of service.methods) {
      const answer = answers.get(method.name);
      if (!answer) continue;
      const rpc = `${service.typeName}/${method.name}`;
      definition[method.name] = {
        path: `/${rpc}`,
        requestStream: false,
        responseStream: method.methodKind === "server_streaming",
        requestSerialize: (message: Message) => Buffer.from(toBinary(method.input, message)),
        requestDeserialize: (bytes) => fromBinary(method.input, bytes),
        responseSerialize: (message: Message) => Buffer.from(toBinary(method.output, message)),
        responseDeserialize: (bytes) => fromBinary(method.output, bytes),
      };
      const stream = this.#streams.get(rpc);
      if (stream) {
        handlers[method.name] = async (call: ServerWritableStream<unknown, Message>) => {
          const seen = this.#seen(rpc, call);
          call.sendMetadata(new Metadata());
          try {
            for await (const message of stream(call.request as never, seen)) {
              call.write(create(method.output, message as JsonObject));
            }
            call.end();
          } catch (error) {
            call.emit("error", statusOf(error));
          }
        };
        continue;
      }
      handlers[method.name] = async (
        call: { request: unknown; metadata: Metadata; getDeadline(): Date | number },
        callback: (error: object | null, value?: Message) => void,
      ) => {
        const seen = this.#seen(rpc, call);
        try {
          callback(null, create(method.output, (await answer(call.request as never, seen)) as JsonObject));
        } catch (error) {
          callback(statusOf(error));
        }
      };
    }
    this.#server.addService(definition, handlers as Parameters<Server["addService"]>[1]);
  }
}

function statusOf(error: unknown): { code: status; details: string; metadata: Metadata } {
  if (!(error instanceof Refusal))
    return { code: status.UNKNOWN, details: String(error), metadata: new Metadata() };
  const metadata = new Metadata();
  if (error.reason) {
    const detail = { reason: ErrorReason[error.reason], metadata: error.facts };
    const wire = new ConnectError(error.message, error.code as number, undefined, [
      { desc: ErrorDetailSchema, value: detail },
    ]);
    const encoded = setTrailerStatus(new Headers(), wire).get("grpc-status-details-bin") ?? "";
    metadata.set("grpc-status-details-bin", Buffer.from(encoded, "base64"));
  }
  return { code: error.code, details: error.message, metadata };
}
