import type { Socket } from "node:net";
import { fromBinary } from "@bufbuild/protobuf";
import {
  type ConnectionInjector,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type sendUnaryData,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { Health as HealthService } from "../../gen/health/v1/health_pb.ts";
import { CoreError } from "../core/errors.ts";
import type { PeerCertificate } from "../core/path.ts";
import { bearerToken, type Caller } from "./caller.ts";
import type { Calls, Codec } from "./calls.ts";
import { byteServiceDefinition, messageToBuffer, serviceDefinition } from "./grpc-definition.ts";
import { toGrpcStatus } from "./grpc-status.ts";
import { type ByteStreamCall, sendHeaders, writeOutcomes } from "./grpc-stream.ts";
import { Health } from "./health.ts";
import type { RpcLimits } from "./limits.ts";
import { createReflection } from "./reflection.ts";
import type { Route, ServiceRoutes } from "./route.ts";

type ByteCall = ServerUnaryCall<Buffer, Buffer>;
type AnyCall = ByteCall | ByteStreamCall;

/** Options of `GrpcServer`. */
export interface GrpcServerOptions {
  readonly services: readonly ServiceRoutes[];
  readonly calls: Calls;
  readonly limits: RpcLimits;
  /** The certificate that the peer with this address and port has proved to hold; none unless told. */
  readonly certificateOf?: CertificateOf;
  /** Is told of each message of a peer, by its address and port, and how many bytes it has. */
  readonly onMessage?: (peer: string, bytes: number) => void;
}

/** Finds the certificate of a peer. */
export type CertificateOf = (peer: string) => PeerCertificate | undefined;

const noCertificate: CertificateOf = () => undefined;

/**
 * The options of grpc-js. Each is unlimited, or nearly, where it is not set.
 * The header list has no option of its own: Node bounds it at 128 headers and
 * 64 kB (`maxHeaderListPairs`, `SETTINGS_MAX_HEADER_LIST_SIZE`).
 */
function serverOptions(limits: RpcLimits) {
  return {
    // grpc-js refuses without an `ErrorDetail`; leaving it what is far too long lets `decode` refuse the rest with one.
    "grpc.max_receive_message_length": 2 * limits.requestBytesMax,
    "grpc.max_send_message_length": limits.responseBytesMax,
    "grpc.max_concurrent_streams": limits.streamsPerConnectionMax,
    "grpc-node.max_session_memory": limits.sessionMemoryMegabytesMax,
    "grpc.keepalive_time_ms": limits.keepaliveMs,
    "grpc.keepalive_timeout_ms": limits.keepaliveTimeoutMs,
    "grpc.max_connection_idle_ms": limits.connectionIdleMs,
    "grpc.max_connection_age_ms": limits.connectionAgeMs,
    "grpc.max_connection_age_grace_ms": limits.connectionAgeGraceMs,
    // Book-keeping for a debugging protocol that is not served; the listener counts connections.
    "grpc.enable_channelz": 0,
  };
}

function callerOf(
  call: AnyCall,
  { certificateOf = noCertificate, onMessage }: Pick<GrpcServerOptions, "certificateOf" | "onMessage">,
): Caller {
  const [authorization] = call.metadata.get("authorization");
  const peer = call.getPeer();
  onMessage?.(peer, call.request.length);
  return {
    token: bearerToken(authorization?.toString()),
    peer,
    peerCertificate: certificateOf(peer),
    deadlineMs: Number(call.getDeadline()),
    onHangUp: (listener) => (call as NodeJS.EventEmitter).on("cancelled", listener),
  };
}

function checkLength(what: "request" | "response", bytes: number, bytesMax: number): void {
  if (bytes <= bytesMax) return;
  throw new CoreError("LIMIT_EXCEEDED", `The ${what} has ${bytes} bytes; at most ${bytesMax} are allowed.`, {
    details: { bytes: String(bytes), bytes_max: String(bytesMax) },
  });
}

function codecOf(route: Route, request: Buffer, limits: RpcLimits): Codec<Buffer> {
  const { input, output, name } = route.method;
  return {
    decode: () => {
      checkLength("request", request.length, limits.requestBytesMax);
      try {
        return fromBinary(input, request);
      } catch (cause) {
        throw new CoreError(
          "INVALID_FIELD",
          `The request is not a ${input.typeName} that ${name} can read.`,
          {
            cause,
          },
        );
      }
    },
    encode: (response) => {
      const bytes = messageToBuffer(output, response);
      checkLength("response", bytes.length, limits.responseBytesMax);
      return bytes;
    },
  };
}

/** The grpc-js handler of an RPC. */
function handlerOf(
  route: Route,
  options: Omit<GrpcServerOptions, "services">,
): UntypedServiceImplementation[string] {
  const { calls, limits } = options;
  if (route.kind === "stream") {
    return async (call: ByteStreamCall) => {
      const codec = { ...codecOf(route, call.request, limits), onOpen: () => sendHeaders(call) };
      await writeOutcomes(call, calls.stream(route, callerOf(call, options), codec));
    };
  }
  return async (call: ByteCall, callback: sendUnaryData<Buffer>) => {
    const outcome = await calls.run(route, callerOf(call, options), codecOf(route, call.request, limits));
    if (outcome.error === undefined) callback(null, outcome.reply);
    else callback(toGrpcStatus(outcome.error));
  };
}

/** The gRPC server. It owns no socket: a listener hands it connections. */
export class GrpcServer {
  readonly #server: Server;
  readonly #injector: ConnectionInjector;
  readonly #health: Health;

  constructor({ services, ...options }: GrpcServerOptions) {
    const { limits } = options;
    this.#server = new Server(serverOptions(limits));
    for (const { service, routes } of services) {
      const handlers: UntypedServiceImplementation = {};
      for (const route of routes) handlers[route.method.name] = handlerOf(route, options);
      this.#server.addService(byteServiceDefinition(service), handlers);
    }
    const descriptors = services.map(({ service }) => service);
    this.#health = new Health(
      descriptors.map(({ typeName }) => typeName),
      { watchersMax: limits.healthWatchersMax },
    );
    this.#server.addService(serviceDefinition(HealthService), this.#health.implementation);
    createReflection([...descriptors, HealthService, ServerReflection]).addToServer(this.#server);
    this.#injector = this.#server.createConnectionInjector(ServerCredentials.createInsecure());
  }

  /** Serves a connection. */
  accept(socket: Socket): void {
    this.#injector.injectConnection(socket);
  }

  /** Sets what `grpc.health.v1` says. */
  setServing(isServing: boolean): void {
    this.#health.setServing(isServing);
  }

  /** Sends GOAWAY on every connection: calls in flight end, new ones are refused, then the connection closes. */
  goAway(graceMs: number): void {
    this.#health.endWatches();
    this.#injector.drain(graceMs);
  }

  /** Ends the server at once. The sockets are the listener's to close. */
  close(): void {
    this.#injector.destroy();
    this.#server.forceShutdown();
  }
}
