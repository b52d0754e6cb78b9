import { status } from "@grpc/grpc-js";

/** A call that failed on its way. */
type Attempt = { address: string; rpc: string; timeoutMs: number };

/**
 * Says in a sentence why a call brought no answer of a leasehold server: never
 * connected, lost, too late, or answered by something else. Undefined where the
 * status is not one that is made on the way. What grpc-js tells about its own
 * connection it tells only in text, so that is read here, and nowhere else.
 */
export function transportProblem(
  { code, details }: { code: number; details: string },
  { address, rpc, timeoutMs }: Attempt,
): string | undefined {
  switch (code) {
    case status.DEADLINE_EXCEEDED:
      return `no answer from ${address} within ${timeoutMs / 1000} s; it may still be done.`;
    case status.UNIMPLEMENTED:
      return `the server at ${address} does not know ${rpc}. Is it a leasehold server of this version?`;
    case status.UNAVAILABLE:
      return /^(?:No connection established|Name resolution failed)/.test(details)
        ? unreachable(address, details)
        : lost(address, details);
    // This client cancels only what it could not connect, so the other side reset the call.
    case status.CANCELLED:
      return lost(address, details);
    default:
      return undefined;
  }
}

function lost(address: string, details: string): string {
  return `the connection to ${address} was lost (${details}); it may have been done.`;
}

function unreachable(address: string, details: string): string {
  const { cause, remedy } = connectProblem(details);
  return `cannot reach the server at ${address} (${cause}). ${remedy}`;
}

const startRemedy = 'Is it running? Start one with "leasehold server --dev", or set LEASEHOLD_ADDR.';
const portRemedy =
  "Set LEASEHOLD_ADDR to its gRPC port, 8210 unless changed, and to https:// where it uses TLS.";
const certificateRemedy = "Name the CA of the server with --ca-cert or LEASEHOLD_CACERT.";

function connectProblem(details: string): { cause: string; remedy: string } {
  if (details.includes("ECONNREFUSED")) return { cause: "connection refused", remedy: startRemedy };
  if (/ENOTFOUND|EAI_AGAIN|Name resolution failed/.test(details)) {
    return { cause: "the host name is not known", remedy: startRemedy };
  }
  if (details.includes("Protocol error")) {
    return { cause: "what listens there does not speak gRPC", remedy: portRemedy };
  }
  if (details.includes("wrong version number")) {
    return {
      cause: "what listens there does not speak TLS",
      remedy: "Set LEASEHOLD_ADDR to http:// for this server.",
    };
  }
  const cause = lastError(details);
  if (/certificate|altnames/i.test(cause)) return { cause: `TLS: ${cause}`, remedy: certificateRemedy };
  return { cause, remedy: portRemedy };
}

/** The innermost cause in `No connection established. Last error: Error: … (time). Resolution note: …`. */
function lastError(details: string): string {
  const [, error] = /Last error: (?:Error: )?(.*?)(?:\. Resolution note: .*)?$/s.exec(details) ?? [];
  const cause = (error ?? details)
    .replace(/ \(\d{4}-\d\d-\d\dT[\d:.]+Z\)/, "")
    // Advice for those who write programs in Node.
    .replace(/; if the root CA is installed locally.*$/s, "")
    .replace(/\.$/, "");
  return cause || details;
}
