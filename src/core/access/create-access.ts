import type { Barrier } from "../barrier.ts";
import { stranger } from "../caller.ts";
import type { Clock } from "../clock.ts";
import { CoreError, hasCode, quote } from "../errors.ts";
import type { LeaseDesk } from "../lease-desk.ts";
import { createLeaseFinder } from "../lease-finder.ts";
import type { LeaseStore } from "../lease-store.ts";
import type { Lessor } from "../lessor.ts";
import type { MountTable } from "../mount-table.ts";
import type { Operates } from "../operate.ts";
import { createPathCaller, pathExists } from "../path-caller.ts";
import { newFence } from "../revoker.ts";
import type { Telemetry } from "../telemetry.ts";
import {
  createTokenAuthenticator,
  type KnownCaller,
  type TokenAuthenticator,
} from "../tokens/token-authenticator.ts";
import { type TokenBackend, tokenMountAccessor, tokenMountPath } from "../tokens/token-backend.ts";
import { type TokenOperationName, tokenOperations } from "../tokens/token-operations.ts";
import { type Authorize, type AuthorizerOptions, createAuthorizer } from "./authorizer.ts";
import { createRecentlyEnded } from "./recently-ended.ts";

/** What access works with. */
export interface AccessOptions {
  /** The root token of the configuration; undefined where there is none. */
  readonly rootToken: string | undefined;
  readonly tokens: TokenBackend;
  readonly endLeasesOf: (callerId: string) => Promise<void>;
  readonly rulesOf: AuthorizerOptions["rulesOf"];
  readonly mounts: MountTable;
  readonly leases: LeaseStore;
  readonly barrier: Barrier;
  readonly lessor: Lessor;
  readonly leaseDesk: LeaseDesk;
  /** Makes the storage take what belongs to the mounts that are always there. */
  readonly prepare: () => Promise<void>;
  /** Has this server look at what is due on a mount now. */
  readonly wake: (accessor: string) => void;
  readonly telemetry: Pick<Telemetry, "backgroundFailed">;
  readonly clock: Clock;
}

/** Who a caller is, what it may do, and how it got its token. */
export interface Access {
  readonly authenticate: TokenAuthenticator["authenticate"];
  readonly disbelieve: TokenAuthenticator["disbelieve"];
  readonly authorize: Authorize;
  readonly operations: Operates<TokenOperationName>;
  /** Has a token end that has been used as often as it can be, and all that it made; goes on by itself. */
  endUsedUp(known: KnownCaller): void;
}

/** Assembles authentication, authorization and the operations on tokens. */
export function createAccess(options: AccessOptions): Access {
  const { tokens, mounts, leases, barrier } = options;
  const finder = createLeaseFinder(options);
  const callPath = createPathCaller(mounts);

  const findLease: AuthorizerOptions["findLease"] = async (id) => {
    try {
      return (await finder.open(id)).lease;
    } catch (error) {
      if (hasCode(error, "NO_SUCH_LEASE", "INVALID_PATH", "DATA_CORRUPTED")) return undefined;
      throw error;
    }
  };

  /** Where this fails the token is refused all the same, and its lease ends it at its time. */
  const endToken = async (leaseId: string): Promise<void> => {
    const claims = [{ kind: "requested", id: leaseId }] as const;
    await leases.claim(tokenMountAccessor, claims, { fence: newFence(), visibilityMs: 0 });
    options.wake(tokenMountAccessor);
  };

  return {
    endUsedUp({ record }) {
      if (record?.leaseId === undefined) return;
      endToken(record.leaseId).catch((error: unknown) =>
        options.telemetry.backgroundFailed("ending a token that was used up", error),
      );
    },
    ...createTokenAuthenticator({
      ...options,
      ...{ book: tokens.book, leases, barrier, tokenAccessor: tokenMountAccessor },
    }),
    authorize: createAuthorizer({
      rulesOf: options.rulesOf,
      findLease,
      exists: (path) => pathExists(mounts, path),
      recentlyEnded: createRecentlyEnded(),
    }),
    operations: tokenOperations({
      ...options,
      book: tokens.book,
      secretType: tokens.secretType,
      tokenMount: async () => (await mounts.find(tokenMountPath)).mount,
      async logIn(input, context) {
        // Whoever has no token yet reaches login methods and nothing else, and learns of no mount.
        const isLogin = /^auth\/[^/]+\/login$/.test(input.path);
        const mount = mounts.all().find(({ path }) => isLogin && `${path}/login` === input.path);
        if (!mount?.isBuiltIn || mount.path === tokenMountPath) throw noLogin(input.path);
        return (await callPath("write", input, context, stranger)).answer;
      },
    }),
  };
}

function noLogin(path: string): CoreError {
  return new CoreError(
    "UNSUPPORTED_OPERATION",
    `Nobody can log in at ${quote(path)}. A login is at auth/<method>/login, such as auth/approle/login.`,
    { details: { path: path.slice(0, 1200) } },
  );
}
