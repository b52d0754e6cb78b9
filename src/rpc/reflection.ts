import { type DescFile, type DescService, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import type {
  handleBidiStreamingCall,
  ServerDuplexStream,
  UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { ReflectionService } from "@grpc/reflection";
import { file_leasehold_v1_errors } from "../../gen/leasehold/v1/errors_pb.ts";

function addWithImports(file: DescFile, found: Map<string, DescFile>): void {
  if (found.has(file.proto.name)) return;
  found.set(file.proto.name, file);
  for (const imported of file.dependencies) addWithImports(imported, found);
}

/** The handlers, which read no further question of a caller who leaves the answers unread: they need no token, and answers are long. */
function paced(handlers: UntypedServiceImplementation): UntypedServiceImplementation {
  const pacedOne =
    (handle: handleBidiStreamingCall<unknown, unknown>) => (call: ServerDuplexStream<unknown, unknown>) => {
      handle(call);
      // After the listener that answers.
      call.on("data", () => {
        if (!call.writableNeedDrain) return;
        call.pause();
        call.once("drain", () => call.resume());
      });
    };
  const entries = Object.entries(handlers).map(([name, handle]) => [
    name,
    pacedOne(handle as handleBidiStreamingCall<unknown, unknown>),
  ]);
  return Object.fromEntries(entries);
}

/**
 * `grpc.reflection.v1` and `v1alpha` for the given services. It is fed with the
 * descriptors that `protoc` made, together with every file they import:
 * descriptors rebuilt by @grpc/proto-loader lack imports, and then clients can
 * list services and call none.
 */
export function createReflection(services: readonly DescService[]): Pick<ReflectionService, "addToServer"> {
  const files = new Map<string, DescFile>();
  // No service names this one: it travels in error details, and clients that show them look it up.
  addWithImports(file_leasehold_v1_errors, files);
  for (const service of services) addWithImports(service.file, files);
  const fileDescriptorProtos = [...files.values()].map((file) =>
    Buffer.from(toBinary(FileDescriptorProtoSchema, file.proto)),
  );
  // The service looks for descriptors in whatever definitions it gets; that of an enum needs nothing else.
  const format = "Protocol Buffer 3 EnumDescriptorProto" as const;
  const source = { format, type: {}, fileDescriptorProtos };
  const names = services.map(({ typeName }) => typeName);
  const reflection = new ReflectionService({ source }, { services: names });
  return {
    addToServer: (server) =>
      reflection.addToServer({
        addService: (definition, handlers) => server.addService(definition, paced(handlers)),
      }),
  };
}
