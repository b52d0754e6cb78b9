import { type DescMethod, type DescService, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import type { MethodDefinition } from "@grpc/grpc-js";

/** The bytes of a message as grpc-js wants them. */
export function messageToBuffer(desc: DescMethod["output"], message: Message): Buffer {
  const bytes = toBinary(desc, message);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The name of an RPC on the wire: `/leasehold.v1.SecretService/Read`. */
export function rpcPath(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

/** The grpc-js definition of a protobuf-es RPC. */
export function methodDefinition(method: DescMethod): MethodDefinition<Message, Message> {
  return {
    path: rpcPath(method),
    requestStream: method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming",
    responseStream: method.methodKind === "server_streaming" || method.methodKind === "bidi_streaming",
    requestSerialize: (message) => messageToBuffer(method.input, message),
    requestDeserialize: (bytes) => fromBinary(method.input, bytes),
    responseSerialize: (message) => messageToBuffer(method.output, message),
    responseDeserialize: (bytes) => fromBinary(method.output, bytes),
  };
}

/** The grpc-js definition of a protobuf-es service, with messages as messages. */
export function serviceDefinition(service: DescService): Record<string, MethodDefinition<Message, Message>> {
  return Object.fromEntries(service.methods.map((method) => [method.name, methodDefinition(method)]));
}

/**
 * The same with messages as bytes. grpc-js answers a message that cannot be
 * decoded with a bare `Internal`; decoding in the handler gives such an error
 * its status and its detail.
 */
export function byteServiceDefinition(
  service: DescService,
): Record<string, MethodDefinition<Buffer, Buffer>> {
  const same = (bytes: Buffer) => bytes;
  return Object.fromEntries(
    service.methods.map((method) => [
      method.name,
      {
        ...methodDefinition(method),
        requestSerialize: same,
        requestDeserialize: same,
        responseSerialize: same,
        responseDeserialize: same,
      },
    ]),
  );
}
