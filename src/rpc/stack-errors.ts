import { Code, ConnectError } from "@connectrpc/connect";
import type { UniversalServerResponse } from "@connectrpc/connect/protocol";
import {
  codeToHttpStatus,
  createEndStreamSerialization,
  endStreamFlag,
  errorFromJsonBytes,
  errorToJsonBytes,
} from "@connectrpc/connect/protocol-connect";
import {
  setTrailerStatus,
  trailerFlag,
  trailerParse,
  trailerSerialize,
} from "@connectrpc/connect/protocol-grpc-web";
import type { ErrorCode } from "../core/errors.ts";
import { toConnectError } from "./connect-error.ts";
import { errorTable } from "./errors.ts";

// The errors that Connect's own code makes before or after the handler runs.
const errorCodes: ReadonlyMap<Code, ErrorCode> = new Map([
  [Code.InvalidArgument, "INVALID_FIELD"],
  [Code.Unimplemented, "UNSUPPORTED_OPERATION"],
  [Code.ResourceExhausted, "LIMIT_EXCEEDED"],
  [Code.DeadlineExceeded, "DEADLINE_EXCEEDED"],
  [Code.Canceled, "CANCELLED"],
]);

const bareReplies: ReadonlyMap<number, readonly [ErrorCode, string]> = new Map([
  [405, ["UNSUPPORTED_OPERATION", "An RPC is called by POST."]],
  [
    415,
    ["INVALID_FIELD", "The content type is not one of Connect or gRPC-Web; gRPC has a listener of its own."],
  ],
]);

/** A reply that says all it should, and the error that Connect's own code put there, if any. */
export interface CompleteReply {
  readonly reply: UniversalServerResponse;
  readonly refused: ErrorCode | undefined;
}

// Connect calls a binary message that it cannot decode an internal error, unlike a JSON one.
const undecodable = "parse binary: ";

function withDetail(error: ConnectError): { readonly error: ConnectError; readonly errorCode: ErrorCode } {
  const isUndecodable = error.code === Code.Internal && error.rawMessage.startsWith(undecodable);
  const errorCode = isUndecodable ? "INVALID_FIELD" : (errorCodes.get(error.code) ?? "INTERNAL");
  const code = isUndecodable ? Code.InvalidArgument : error.code;
  const { reason } = errorTable[errorCode];
  const complete = toConnectError({
    errorCode,
    code,
    reason,
    message: error.rawMessage,
    metadata: {},
    retryAfterMs: undefined,
  });
  return { error: complete, errorCode };
}

async function readAll(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function jsonReply(
  reply: UniversalServerResponse,
  content: { readonly status: number; readonly bytes: Uint8Array },
): UniversalServerResponse {
  const header = new Headers(reply.header);
  header.set("content-type", "application/json");
  header.set("content-length", String(content.bytes.byteLength));
  async function* body() {
    yield content.bytes;
  }
  return { ...reply, status: content.status, header, body: body() };
}

async function completeJson(reply: UniversalServerResponse): Promise<CompleteReply> {
  const bare = bareReplies.get(reply.status);
  if (reply.body === undefined) {
    const [errorCode, message] = bare ?? [
      "INTERNAL",
      `The request was answered with status ${reply.status}.`,
    ];
    const { code } = errorTable[errorCode];
    const { error } = withDetail(new ConnectError(message, code));
    const content = { status: reply.status, bytes: errorToJsonBytes(error, undefined) };
    return { reply: jsonReply(reply, content), refused: errorCode };
  }
  const bytes = await readAll(reply.body);
  const fallback = new ConnectError("internal error", Code.Internal);
  const found = errorFromJsonBytes(bytes, undefined, fallback);
  if (found.details.length > 0)
    return { reply: jsonReply(reply, { status: reply.status, bytes }), refused: undefined };
  const { error, errorCode } = withDetail(found);
  const content = { status: codeToHttpStatus(error.code), bytes: errorToJsonBytes(error, undefined) };
  return { reply: jsonReply(reply, content), refused: errorCode };
}

/** The last frame of a reply, and the error in it where it had no detail. */
interface CompleteFrame {
  readonly frame: Uint8Array;
  readonly refused?: ErrorCode;
}

/** A frame of either protocol: a flag, the length in four bytes, the content. */
function toFrame(flag: number, content: Uint8Array): Uint8Array {
  const frame = Buffer.alloc(5 + content.byteLength);
  frame.writeUInt8(flag, 0);
  frame.writeUInt32BE(content.byteLength, 1);
  frame.set(content, 5);
  return frame;
}

/** The trailer frame of a gRPC-Web reply (header lines), given a detail where it has an error and none. */
function completeTrailers(frame: Uint8Array): CompleteFrame {
  const trailers = trailerParse(frame.subarray(5));
  const code = Number(trailers.get("grpc-status") ?? 0);
  if (code === 0 || trailers.has("grpc-status-details-bin")) return { frame };
  const message = decodeURIComponent(trailers.get("grpc-message") ?? "");
  const { error, errorCode } = withDetail(new ConnectError(message, code));
  const content = trailerSerialize(setTrailerStatus(trailers, error));
  return { frame: toFrame(trailerFlag, content), refused: errorCode };
}

const endOfStream = createEndStreamSerialization(undefined);

/** The last frame of a Connect stream (JSON), given a detail where it has an error and none. */
function completeEnd(frame: Uint8Array): CompleteFrame {
  const end = endOfStream.parse(frame.subarray(5));
  if (end.error === undefined || end.error.details.length > 0) return { frame };
  const { error, errorCode } = withDetail(end.error);
  return { frame: toFrame(endStreamFlag, endOfStream.serialize({ ...end, error })), refused: errorCode };
}

/** Hands frames on, which come one by one, and completes the last one. */
async function* completeFrames(
  body: AsyncIterable<Uint8Array>,
  last: { readonly flag: number; readonly complete: (frame: Uint8Array) => CompleteFrame },
  onRefused: (errorCode: ErrorCode) => void,
): AsyncIterable<Uint8Array> {
  for await (const frame of body) {
    if (frame[0] !== last.flag) {
      yield frame;
      continue;
    }
    const complete = last.complete(frame);
    if (complete.refused !== undefined) onRefused(complete.refused);
    yield complete.frame;
  }
}

const lastFrames = [
  { type: "application/grpc-web", flag: trailerFlag, complete: completeTrailers },
  { type: "application/connect+", flag: endStreamFlag, complete: completeEnd },
];

/**
 * Gives a reply its `ErrorDetail` where Connect's own code refused the request
 * (too long, not decodable, wrong content type) and so put none into it.
 * Interceptors do not see those errors: they run inside of them.
 */
export async function completeReply(
  reply: UniversalServerResponse,
  onRefused: (errorCode: ErrorCode) => void,
): Promise<UniversalServerResponse> {
  if (reply.status >= 400) {
    const complete = await completeJson(reply);
    if (complete.refused !== undefined) onRefused(complete.refused);
    return complete.reply;
  }
  const contentType = reply.header?.get("content-type") ?? "";
  const last = lastFrames.find(({ type }) => contentType.startsWith(type));
  if (last === undefined || reply.body === undefined) return reply;
  return { ...reply, body: completeFrames(reply.body, last, onRefused) };
}
