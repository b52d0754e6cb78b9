import { timingSafeEqual } from "node:crypto";
import type { Barrier } from "../barrier.ts";
import { type Caller, rootPolicyName } from "../caller.ts";
import type { Clock } from "../clock.ts";
import { CoreError } from "../errors.ts";
import type { LeaseStore } from "../lease-store.ts";
import { openLease } from "../sealed-lease.ts";
import type { TokenBook } from "./token-book.ts";
import type { TokenRecord } from "./token-record.ts";
import { tokenDigest } from "./token-text.ts";

/** How long what was read of a token is believed, in milliseconds: a token that is revoked elsewhere is refused this much later at most. */
const believedMs = 700;
const believedMax = 10_000;

/** Id of the caller who holds the root token of the configuration. */
export const rootCallerId = "root";

/** A caller, and the digest of its token. */
export interface KnownCaller {
  readonly caller: Caller;
  /** What the storage says of the token; undefined for the root token of the configuration. */
  readonly record: TokenRecord | undefined;
  /** Whether this was the last use that the token had. */
  readonly isLastUse: boolean;
}

/** Tells who a token belongs to. */
export interface TokenAuthenticator {
  /** Throws `UNAUTHENTICATED`, `STORAGE_UNAVAILABLE`. Answers at once what it has read a moment ago. */
  readonly authenticate: (token: string | undefined) => KnownCaller | Promise<KnownCaller>;
  /** Has the storage asked anew about the token of this digest, since it was ended here. */
  readonly disbelieve: (digest: string) => void;
}

/** What the authenticator works with. */
export interface TokenAuthenticatorOptions {
  /** The root token of the configuration; undefined where there is none. */
  readonly rootToken: string | undefined;
  readonly book: () => TokenBook;
  readonly leases: Pick<LeaseStore, "get" | "nowMs">;
  readonly barrier: Barrier;
  readonly tokenAccessor: string;
  readonly clock: Pick<Clock, "nowMs">;
}

interface Believed {
  readonly known: KnownCaller;
  readonly untilMs: number;
}

const unknownToken = () =>
  new CoreError(
    "UNAUTHENTICATED",
    "The token is not known: it has expired or was revoked, or it is not whole, or of another server. Log in again.",
  );

/**
 * Makes the authenticator. It keeps digests and no texts. The root token's digest is compared in constant time; the others are looked
 * up by their digest, which says nothing about a text that is close to a good one.
 */
export function createTokenAuthenticator(options: TokenAuthenticatorOptions): TokenAuthenticator {
  const { book, leases, barrier, tokenAccessor, clock } = options;
  const rootDigest =
    options.rootToken === undefined ? undefined : Buffer.from(tokenDigest(options.rootToken));
  const root: KnownCaller = {
    caller: { id: rootCallerId, name: "root", policies: [rootPolicyName], metadata: {} },
    record: undefined,
    isLastUse: false,
  };
  const believed = new Map<string, Believed>();
  let disbelieved = 0;

  /** When the token ends, in milliseconds from now; not above zero where it has. */
  const leftMsOf = async ({ leaseId: id }: TokenRecord): Promise<number> => {
    if (id === undefined) return Number.POSITIVE_INFINITY;
    const stored = await leases.get({ accessor: tokenAccessor, id });
    if (stored?.state !== "active") return 0;
    return openLease(barrier, stored).expiresAtMs - (await leases.nowMs());
  };

  const callerOf = (record: TokenRecord, digest: string, isLastUse: boolean): Caller => {
    const { accessor, displayName, policies, metadata } = record;
    return {
      ...{ id: accessor, name: displayName, policies, metadata },
      // A token that has been used up ends with all that it made.
      isStillGood: async () => !isLastUse && (await book().find(digest)) !== undefined,
    };
  };

  const read = async (digest: string): Promise<KnownCaller> => {
    const disbelievedBefore = disbelieved;
    const record = await book().find(digest);
    if (!record) throw unknownToken();
    const leftMs = await leftMsOf(record);
    if (leftMs <= 0) throw unknownToken();
    if (record.usesLeft !== undefined) {
      const left = await book().useOnce(digest);
      if (left === undefined) throw unknownToken();
      const isLastUse = left === 0;
      return {
        caller: callerOf(record, digest, isLastUse),
        record: { ...record, usesLeft: left },
        isLastUse,
      };
    }
    const known = { caller: callerOf(record, digest, false), record, isLastUse: false };
    // What was read before some token ended may be of that one.
    if (disbelieved !== disbelievedBefore) return known;
    if (believed.size >= believedMax) believed.clear();
    believed.set(digest, { known, untilMs: clock.nowMs() + Math.min(believedMs, leftMs) });
    return known;
  };

  const authenticate: TokenAuthenticator["authenticate"] = (token) => {
    if (token === undefined || token === "") {
      throw new CoreError(
        "UNAUTHENTICATED",
        'The request has no token. Send it as "authorization: Bearer <token>".',
      );
    }
    const digest = tokenDigest(token);
    if (rootDigest && timingSafeEqual(Buffer.from(digest), rootDigest)) return root;
    const remembered = believed.get(digest);
    if (remembered && remembered.untilMs > clock.nowMs()) return remembered.known;
    return read(digest);
  };

  return {
    authenticate,
    disbelieve(digest) {
      disbelieved += 1;
      believed.delete(digest);
    },
  };
}
