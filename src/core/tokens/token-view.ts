import type { JsonObject } from "../json.ts";
import type { LeaseView } from "../requests.ts";
import type { TokenRecord } from "./token-record.ts";

/** A token as callers see it: nothing of it lets anybody use it. */
export interface TokenView extends Omit<TokenRecord, "leaseId"> {
  /** Its lease; undefined for a root token, which has no end of its own. */
  readonly lease: LeaseView | undefined;
}

/** A token that was made. */
export interface IssuedToken {
  /** Shown this once. */
  readonly token: string;
  readonly view: TokenView;
  readonly warnings: readonly string[];
}

/** What a new token is to be, as it is asked for. Times are in milliseconds; what is undefined is left to the defaults. */
export interface TokenRequest {
  /** Undefined means those of the caller. */
  readonly policies: readonly string[] | undefined;
  readonly displayName: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly ttlMs: number | undefined;
  readonly maxTtlMs: number | undefined;
  readonly isRenewable: boolean;
  /** How often it can be used; undefined means no limit. */
  readonly usesMax: number | undefined;
  /** Whether it lives on when the caller's token ends. */
  readonly isOrphan: boolean;
  /** Whether the policy `default` is not added. */
  readonly isWithoutDefaultPolicy: boolean;
}

/** Inputs and outputs of the operations on tokens. */
export interface TokenOperations {
  readonly createToken: { readonly input: TokenRequest; readonly output: IssuedToken };
  /** Exchanges what a login method takes for a token; the one operation that needs no token. */
  readonly login: {
    readonly input: { readonly path: string; readonly data: JsonObject };
    readonly output: IssuedToken;
  };
  readonly lookupSelf: { readonly input: Record<never, never>; readonly output: TokenView };
  readonly lookupToken: { readonly input: { readonly accessor: string }; readonly output: TokenView };
  readonly renewSelf: {
    readonly input: { readonly incrementMs: number | undefined };
    readonly output: { readonly token: TokenView; readonly warnings: readonly string[] };
  };
  readonly revokeSelf: {
    readonly input: Record<never, never>;
    readonly output: { readonly warnings: readonly string[] };
  };
  readonly revokeToken: {
    readonly input: { readonly accessor: string };
    readonly output: { readonly warnings: readonly string[] };
  };
  readonly listTokens: {
    readonly input: { readonly pageSize: number; readonly pageToken: string };
    readonly output: { readonly accessors: readonly string[]; readonly nextPageToken: string };
  };
}
