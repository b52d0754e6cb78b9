import type { Issue } from "./backend.ts";
import type { Caller } from "./caller.ts";
import type { Fields, FieldValues } from "./field.ts";
import type { JsonObject } from "./json.ts";

/** What can be done at a path. */
export type Operation = "read" | "write" | "list" | "delete";

/** What a handler is given. */
export interface PathRequest<Params extends Fields, F extends Fields> {
  /** Path below the mount, as it was asked for: `roles/deploy`. */
  readonly path: string;
  /** Path with the mount: `aws/roles/deploy`. For messages. */
  readonly fullPath: string;
  /** Path of the mount: `aws`. For messages. */
  readonly mountPath: string;
  /** The variable parts of the path. All are set. */
  readonly params: { readonly [Name in keyof Params]: Exclude<FieldValues<Params>[Name], undefined> };
  /** The fields of the request, read and checked. */
  readonly fields: FieldValues<F>;
  /** The fields as they came; for paths that take any field. */
  readonly data: JsonObject;
  readonly caller: Caller;
  /** The certificate that the peer proved to hold on a TLS connection; undefined where there is none. */
  readonly peerCertificate?: PeerCertificate | undefined;
  /** Aborts when the caller is gone or the deadline has passed. */
  readonly signal: AbortSignal;
}

/** A certificate that a peer showed at the TLS handshake, and that a CA of the listener vouches for. */
export interface PeerCertificate {
  /** DER. */
  readonly raw: Uint8Array;
  /** SHA-256 of the DER, in lower-case hex. */
  readonly fingerprint: string;
  readonly commonName: string;
  readonly dnsNames: readonly string[];
  /** URIs of the subject alternative name: SPIFFE ids among them. */
  readonly uris: readonly string[];
  readonly notAfterMs: number;
}

/** What a login that was accepted comes to: the token that is made for it. Times are in milliseconds. */
export interface LoginGrant {
  /** Name for people, such as `approle-ci`. */
  readonly displayName: string;
  readonly policies: readonly string[];
  /** Facts about who logged in, by name; no secrets. */
  readonly metadata: Readonly<Record<string, string>>;
  /** TTL of the token; undefined means the system's default. */
  readonly ttlMs: number | undefined;
  /** Longest life of the token, counted from the login; undefined means the system's. */
  readonly maxTtlMs: number | undefined;
  /** How often the token can be used; undefined means no limit. */
  readonly usesMax?: number | undefined;
}

/** What a handler answers. All parts are optional. */
export interface PathReply {
  /** What was read, or what a write answers. */
  readonly data?: JsonObject;
  /** Names, for a list; a folder ends in a slash. */
  readonly keys?: readonly string[];
  /** A secret to issue and lease; its fields become the data. */
  readonly issue?: Issue;
  /** A login that was accepted; only the path `login` of a login method answers with it. */
  readonly login?: LoginGrant;
  readonly warnings?: readonly string[];
}

/** One operation of a path. */
export interface PathOperation<Params extends Fields, F extends Fields> {
  /** What it does, in a sentence. */
  readonly summary: string;
  /** Names of the fields it takes; all others of the path are refused. */
  readonly takes?: readonly (keyof F & string)[] | "any";
  handle(request: PathRequest<Params, F>): Promise<PathReply>;
}

/** A path as data: parsing, validation and help come from this one definition. */
export interface PathSpec<Params extends Fields, F extends Fields> {
  /**
   * Pattern below the mount: words, `:name` for one segment, `:name*` at the
   * end for the rest. One that ends in a slash (or is empty) is a folder, and is found with and
   * without the slash.
   */
  readonly pattern: string;
  readonly summary: string;
  readonly description: string;
  /** One field for each variable part of the pattern. */
  readonly params: Params;
  readonly fields: F;
  /** Tells whether something is stored at the path, so that policies can tell creating from updating; absent where every write counts as an update. */
  exists?(request: Pick<PathRequest<Params, F>, "params">): Promise<boolean>;
  /** Names of fields that are known and refused by name, as not supported yet. */
  readonly unsupportedFields?: readonly string[];
  readonly operations: { readonly [O in Operation]?: PathOperation<Params, F> };
}

/** A path with its types erased, as the router keeps it in a table. */
export type PathDefinition = PathSpec<Fields, Fields>;

/** Defines a path. The types are erased here: the router parses by the same definition that typed the handlers. */
export function definePath<Params extends Fields, F extends Fields>(
  spec: PathSpec<Params, F>,
): PathDefinition {
  return spec as unknown as PathDefinition;
}
