import type {
  DescMessage,
  DescMethod,
  DescMethodServerStreaming,
  DescMethodUnary,
  DescService,
  Message,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import type { RequestContext } from "../core/requests.ts";

/** Answers one unary RPC: from the request message to the response message. It knows neither of the two stacks. */
export type UnaryHandler<Input extends DescMessage, Output extends DescMessage> = (
  request: MessageShape<Input>,
  context: RequestContext,
) => Promise<MessageInitShape<Output>>;

/**
 * Answers one server-streaming RPC: from the request message to an iterable of
 * response messages, once it is sure that there will be some. The messages end
 * when the context's signal aborts.
 */
export type StreamHandler<Input extends DescMessage, Output extends DescMessage> = (
  request: MessageShape<Input>,
  context: RequestContext,
) => Promise<AsyncIterable<MessageInitShape<Output>>>;

/** One handler for each RPC of a service, by the RPC's name in lower camel case. */
export type ServiceHandlers<Service extends DescService> = {
  readonly [Name in keyof Service["method"]]: Service["method"][Name] extends DescMethodServerStreaming
    ? StreamHandler<Service["method"][Name]["input"], Service["method"][Name]["output"]>
    : UnaryHandler<Service["method"][Name]["input"], Service["method"][Name]["output"]>;
};

/** A unary RPC with its handler. */
export interface UnaryRoute {
  readonly kind: "unary";
  readonly method: DescMethodUnary;
  /** `leasehold.v1.SecretService/Read` */
  readonly rpc: string;
  readonly handle: (request: Message, context: RequestContext) => Promise<Message>;
}

/** A server-streaming RPC with its handler. */
export interface StreamRoute {
  readonly kind: "stream";
  readonly method: DescMethodServerStreaming;
  /** `leasehold.v1.LeaseService/Watch` */
  readonly rpc: string;
  readonly open: (request: Message, context: RequestContext) => Promise<AsyncIterable<Message>>;
}

/** An RPC with its handler, both servers' unit of work. */
export type Route = UnaryRoute | StreamRoute;

/** A service with its handlers. */
export interface ServiceRoutes {
  readonly service: DescService;
  readonly routes: readonly Route[];
}

type Init = MessageInitShape<DescMessage>;
type AnyHandler = (request: Message, context: RequestContext) => Promise<Init>;
type AnyStreamHandler = (request: Message, context: RequestContext) => Promise<AsyncIterable<Init>>;

const isUnary = (method: DescMethod): method is DescMethodUnary => method.methodKind === "unary";
const isStream = (method: DescMethod): method is DescMethodServerStreaming =>
  method.methodKind === "server_streaming";

/** The messages of an iterable, each made when it is asked for. */
async function* createEach(output: DescMessage, replies: AsyncIterable<Init>): AsyncGenerator<Message> {
  for await (const reply of replies) yield create(output, reply);
}

/**
 * Joins a service and its handlers. The types of the messages end here: that
 * each handler gets its own RPC's message is what the two servers see to.
 */
export function serviceRoutes<Service extends DescService>(
  service: Service,
  handlers: ServiceHandlers<Service>,
): ServiceRoutes {
  const byName = new Map(Object.entries(handlers));
  const routes = service.methods.map((method): Route => {
    const handler: unknown = byName.get(method.localName);
    const rpc = `${service.typeName}/${method.name}`;
    if (handler === undefined) throw new Error(`No handler serves ${rpc}.`);
    if (isUnary(method)) {
      const answer = handler as AnyHandler;
      const handle = async (request: Message, context: RequestContext) =>
        create(method.output, await answer(request, context));
      return { kind: "unary", method, rpc, handle };
    }
    if (isStream(method)) {
      const answer = handler as AnyStreamHandler;
      const open = async (request: Message, context: RequestContext) =>
        createEach(method.output, await answer(request, context));
      return { kind: "stream", method, rpc, open };
    }
    throw new Error(`${rpc} takes a stream of requests, which neither server offers.`);
  });
  return { service, routes };
}
