import { create, type MessageShape } from "@bufbuild/protobuf";
import type {
  ServerUnaryCall,
  ServerWritableStream,
  sendUnaryData,
  UntypedServiceImplementation,
} from "@grpc/grpc-js";
import {
  type HealthCheckRequest,
  HealthCheckResponseSchema,
  type HealthListRequest,
  HealthListResponseSchema,
  HealthCheckResponse_ServingStatus as Status,
} from "../../gen/health/v1/health_pb.ts";
import { CoreError, quote } from "../core/errors.ts";
import { toWireError } from "./errors.ts";
import { toGrpcStatus } from "./grpc-status.ts";

type CheckResponse = MessageShape<typeof HealthCheckResponseSchema>;
type ListResponse = MessageShape<typeof HealthListResponseSchema>;
type WatchCall = ServerWritableStream<HealthCheckRequest, CheckResponse>;

/**
 * `grpc.health.v1.Health` for the whole server (the empty name) and each
 * service, which serve together or not at all.
 *
 * The npm package grpc-health-check is not used for it: it remembers every
 * name that anyone ever asked `Watch` for, and never ends a `Watch` stream.
 */
export class Health {
  readonly #services: ReadonlySet<string>;
  readonly #watchers = new Set<WatchCall>();
  readonly #watchersMax: number;
  #isServing = false;

  constructor(services: readonly string[], options: { readonly watchersMax: number }) {
    this.#services = new Set(["", ...services]);
    this.#watchersMax = options.watchersMax;
  }

  /** The handlers of the service, by RPC. */
  get implementation(): UntypedServiceImplementation {
    return {
      Check: (
        call: ServerUnaryCall<HealthCheckRequest, CheckResponse>,
        callback: sendUnaryData<CheckResponse>,
      ) => {
        const { service } = call.request;
        if (this.#services.has(service)) callback(null, this.#response(service));
        else callback(refusal("NO_SUCH_PATH", `There is no service ${quote(service)}.`));
      },
      List: (
        _call: ServerUnaryCall<HealthListRequest, ListResponse>,
        callback: sendUnaryData<ListResponse>,
      ) => {
        const statuses = Object.fromEntries([...this.#services].map((name) => [name, this.#response(name)]));
        callback(null, create(HealthListResponseSchema, { statuses }));
      },
      Watch: (call: WatchCall) => this.#watch(call),
    };
  }

  /** Tells checkers and watchers whether the server takes calls. */
  setServing(isServing: boolean): void {
    if (this.#isServing === isServing) return;
    this.#isServing = isServing;
    for (const call of this.#watchers) call.write(this.#response(call.request.service));
  }

  /** Ends all `Watch` streams, which would keep their connections open for ever. */
  endWatches(): void {
    for (const call of this.#watchers) call.end();
    this.#watchers.clear();
  }

  #watch(call: WatchCall): void {
    if (this.#watchers.size >= this.#watchersMax) {
      call.emit(
        "error",
        refusal("LIMIT_EXCEEDED", `More than ${this.#watchersMax} callers watch the health.`),
      );
      return;
    }
    this.#watchers.add(call);
    call.on("cancelled", () => this.#watchers.delete(call));
    call.write(this.#response(call.request.service));
  }

  #response(service: string): CheckResponse {
    const known = this.#isServing ? Status.SERVING : Status.NOT_SERVING;
    const status = this.#services.has(service) ? known : Status.SERVICE_UNKNOWN;
    return create(HealthCheckResponseSchema, { status });
  }
}

function refusal(code: "NO_SUCH_PATH" | "LIMIT_EXCEEDED", message: string) {
  return toGrpcStatus(toWireError(new CoreError(code, message), ""));
}
