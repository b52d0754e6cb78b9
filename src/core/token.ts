import { hash, timingSafeEqual } from "node:crypto";
import type { Caller } from "./caller.ts";
import { CoreError } from "./errors.ts";

const digest = (token: string): Buffer => hash("sha256", token, "buffer");

/** Tells who a token belongs to. Throws `UNAUTHENTICATED`. */
export type Authenticate = (token: string | undefined) => Caller;

/**
 * Knows one token, the root token, and keeps only its digest. Digests are
 * compared in constant time, so that the time of an answer says nothing about
 * the token.
 */
export function rootTokenAuthenticator(rootToken: string): Authenticate {
  const rootDigest = digest(rootToken);
  const root: Caller = { id: "root", name: "root" };
  return (token) => {
    if (token === undefined || token === "") {
      throw new CoreError(
        "UNAUTHENTICATED",
        'The request has no token. Send it as "authorization: Bearer <token>".',
      );
    }
    if (!timingSafeEqual(digest(token), rootDigest)) {
      throw new CoreError(
        "UNAUTHENTICATED",
        "The token is not known. Check that it is whole and of this server.",
      );
    }
    return root;
  };
}
