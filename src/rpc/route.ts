import type {
  DescMessage,
  DescMethod,
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

/** One handler for each RPC of a service, by the RPC's name in lower camel case. */
export type ServiceHandlers<Service extends DescService> = {
  readonly [Name in keyof Service["method"]]: UnaryHandler<
    Service["method"][Name]["input"],
    Service["method"][Name]["output"]
  >;
};

/** An RPC with its handler, both servers' unit of work. */
export interface Route {
  readonly method: DescMethodUnary;
  /** `leasehold.v1.SecretService/Read` */
  readonly rpc: string;
  readonly handle: (request: Message, context: RequestContext) => Promise<Message>;
}

/** A service with its handlers. */
export interface ServiceRoutes {
  readonly service: DescService;
  readonly routes: readonly Route[];
}

type AnyHandler = (request: Message, context: RequestContext) => Promise<MessageInitShape<DescMessage>>;

const isUnary = (method: DescMethod): method is DescMethodUnary => method.methodKind === "unary";

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
    const handler = byName.get(method.localName) as AnyHandler | undefined;
    const rpc = `${service.typeName}/${method.name}`;
    if (handler === undefined) throw new Error(`No handler serves ${rpc}.`);
    if (!isUnary(method)) throw new Error(`${rpc} is not a unary RPC.`);
    return {
      method,
      rpc,
      handle: async (request, context) => create(method.output, await handler(request, context)),
    };
  });
  return { service, routes };
}
