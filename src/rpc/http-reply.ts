import type { ServerResponse } from "node:http";
import { codeToHttpStatus, errorToJsonBytes } from "@connectrpc/connect/protocol-connect";
import { CoreError, type ErrorCode } from "../core/errors.ts";
import { toConnectError } from "./connect-error.ts";
import { toWireError } from "./errors.ts";

/** An error that the HTTP server itself answers, outside any RPC. */
export interface HttpRefusal {
  readonly errorCode: ErrorCode;
  readonly message: string;
  /** HTTP status, where it is not the one of the error's status code. */
  readonly httpStatus?: number;
}

/** An error as HTTP status and JSON body, in the form in which the Connect protocol writes errors. */
export function refusalToHttp(refusal: HttpRefusal): { readonly status: number; readonly body: Uint8Array } {
  const error = toConnectError(toWireError(new CoreError(refusal.errorCode, refusal.message), ""));
  return {
    status: refusal.httpStatus ?? codeToHttpStatus(error.code),
    body: errorToJsonBytes(error, undefined),
  };
}

/** Answers a request with an error. */
export function writeRefusal(response: ServerResponse, refusal: HttpRefusal): void {
  const { status, body } = refusalToHttp(refusal);
  response.writeHead(status, { "content-type": "application/json", "content-length": body.byteLength });
  response.end(body);
}

/** Answers a request with JSON. */
export function writeJson(response: ServerResponse, status: number, value: unknown): void {
  const body = Buffer.from(`${JSON.stringify(value)}\n`);
  response.writeHead(status, { "content-type": "application/json", "content-length": body.byteLength });
  response.end(body);
}
