import type { PeerCertificate } from "../core/path.ts";

/** What a server knows of a call before it reads the message. */
export interface Caller {
  /** The token as it was sent; undefined where there was none. */
  readonly token: string | undefined;
  /** Address and port of the peer: `10.0.0.7:40112`. */
  readonly peer: string;
  /** The certificate that the peer proved to hold; undefined where it showed none. */
  readonly peerCertificate: PeerCertificate | undefined;
  /** The deadline that the caller named, in milliseconds since 1970; infinite where there was none. */
  readonly deadlineMs: number;
  /** Calls back once the caller hangs up or the stack gives the call up; it may do so after the call's end, too. */
  readonly onHangUp: (listener: () => void) => void;
}

const bearer = /^Bearer +([^\s]+) *$/i;

/** The token of an `authorization: Bearer <token>` header (RFC 6750, 2.1); undefined where it is not one. */
export function bearerToken(header: string | undefined): string | undefined {
  return header === undefined ? undefined : bearer.exec(header)?.[1];
}
