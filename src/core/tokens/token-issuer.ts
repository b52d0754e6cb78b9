import type { Caller } from "../caller.ts";
import { hasCode } from "../errors.ts";
import type { Lessor } from "../lessor.ts";
import type { Mount } from "../mount.ts";
import type { RequestContext } from "../requests.ts";
import { type TokenBackend, tokenMountPath } from "./token-backend.ts";
import type { CheckedToken } from "./token-request.ts";
import type { IssuedToken } from "./token-view.ts";

/** The caller of the leases of tokens that nobody's end ends. */
const nobody: Caller = { id: "orphan", name: "orphan", policies: [], metadata: {} };

/** What the issuer of tokens works with. */
export interface TokenIssuerOptions {
  readonly secretType: TokenBackend["secretType"];
  readonly lessor: Pick<Lessor, "issue">;
  readonly tokenMount: () => Promise<Mount>;
  /** Makes the storage take leases of the mount of tokens, where it has lost that it does. */
  readonly prepare: () => Promise<void>;
}

/** How a token is made. */
export interface TokenMaking {
  /** What the id of its lease begins with. */
  readonly path: string;
  /** Whose end is the token's end; undefined for an orphan. */
  readonly owner: Caller | undefined;
  readonly context: Pick<RequestContext, "signal" | "deadlineMs">;
}

/** Makes what makes tokens: each is a lease of the mount of tokens, and goes the way of all leases. */
export function createTokenIssuer(
  options: TokenIssuerOptions,
): (token: CheckedToken, making: TokenMaking) => Promise<IssuedToken> {
  const { secretType, lessor, tokenMount, prepare } = options;

  const issue = async (token: CheckedToken, { path, owner, context }: TokenMaking) => {
    const { displayName, policies, metadata, ttlMs, maxTtlMs, usesMax, isRenewable } = token;
    const parent = owner?.id;
    return await lessor.issue({
      mount: await tokenMount(),
      path,
      issue: secretType(isRenewable).issue({
        role: path.slice(tokenMountPath.length + 1),
        input: { displayName, policies, metadata, parent, usesMax },
        ttl: { requestMs: ttlMs, roleMaxMs: maxTtlMs },
        isTtlExact: true,
      }),
      caller: owner ?? nobody,
      idempotencyKey: undefined,
      signal: context.signal,
      deadlineMs: context.deadlineMs,
    });
  };

  return async (token, making) => {
    const { secret, lease, warnings } = await issue(token, making).catch(async (error: unknown) => {
      // An emptied storage knows nothing of a mount that nobody mounts.
      if (!hasCode(error, "MOUNT_UNMOUNTING")) throw error;
      await prepare();
      return await issue(token, making);
    });
    const accessor = String(secret.accessor);
    const { displayName, policies, metadata, usesMax: usesLeft } = token;
    const parent = making.owner?.id;
    const createdAtMs = lease.issuedAtMs;
    return {
      token: String(secret.token),
      view: { accessor, displayName, policies, metadata, usesLeft, parent, createdAtMs, lease },
      warnings,
    };
  };
}
