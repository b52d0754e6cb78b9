import { Metadata, type ServerWritableStream } from "@grpc/grpc-js";
import type { Outcome } from "./calls.ts";
import { toGrpcStatus } from "./grpc-status.ts";
import { whenWritable } from "./when-writable.ts";

/** A server-streaming call of grpc-js, with messages as bytes. */
export type ByteStreamCall = ServerWritableStream<Buffer, Buffer>;

/** Sends the headers of a reply, which tells the caller that its messages will come. */
export function sendHeaders(call: ByteStreamCall): void {
  if (!call.cancelled) call.sendMetadata(new Metadata());
}

/** Writes a stream of outcomes, each once the caller has room for it, and ends the call. */
export async function writeOutcomes(
  call: ByteStreamCall,
  outcomes: AsyncIterable<Outcome<Buffer>>,
): Promise<void> {
  for await (const outcome of outcomes) {
    if (call.cancelled) return;
    if (outcome.error !== undefined) {
      // grpc-js takes the status of a stream by this event, sends what is written before it, and closes.
      call.emit("error", toGrpcStatus(outcome.error));
      return;
    }
    if (!call.write(outcome.reply)) await whenWritable(call);
  }
  call.end();
}
