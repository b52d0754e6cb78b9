import { type DefinedSecretType, defineSecretType, type SecretTypeDefinition } from "../backend.ts";
import type { TokenBook } from "./token-book.ts";
import { newTokenText, tokenDigest } from "./token-text.ts";

/** What a new token is to be. */
export interface TokenInput {
  readonly displayName: string;
  readonly policies: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  /** Accessor of the token that makes it; undefined for an orphan. */
  readonly parent: string | undefined;
  /** How often it can be used; undefined means no limit. */
  readonly usesMax: number | undefined;
}

/** What is needed to end a token. */
export type TokenHandle = { readonly accessor: string };

/** The two kinds of token, as secret types: what ends credentials ends tokens. */
export interface TokenSecretTypes {
  readonly renewable: DefinedSecretType<TokenInput>;
  readonly fixed: DefinedSecretType<TokenInput>;
}

/**
 * Makes the secret types. Disarming removes the record under the token's digest, so that the token is refused; destroying then
 * has everything end that the token made. In this order nothing can be made after the look for what was made.
 */
export function tokenSecretTypes(options: {
  readonly book: TokenBook;
  /** Has all leases of a caller end, its tokens among them. Resolves once none of them can be missed any more. */
  readonly endLeasesOf: (callerId: string) => Promise<void>;
}): TokenSecretTypes {
  const { book, endLeasesOf } = options;
  const fixed: SecretTypeDefinition<TokenInput, TokenHandle> = {
    name: "fixed_token",
    plan: (_input, { leaseUuid }) => ({ accessor: leaseUuid }),
    async create(handle, { input, ids, issuedAtMs }) {
      const text = newTokenText();
      const { displayName, policies, metadata, parent, usesMax: usesLeft } = input;
      const { accessor } = handle;
      await book.write(tokenDigest(text), {
        ...{ accessor, displayName, policies, metadata, parent, usesLeft },
        ...{ leaseId: ids.leaseId, createdAtMs: issuedAtMs },
      });
      return { handle, secret: { token: text, accessor, policies: [...policies] } };
    },
    leftBehind: ({ accessor }) => [`The token with the accessor ${accessor}, and the leases that it made.`],
    disarm: ({ accessor }) => book.disarm(accessor),
    async destroy({ accessor }, { disarmed }) {
      await disarmed;
      await endLeasesOf(accessor);
      await book.forget(accessor);
    },
  };
  return {
    fixed: defineSecretType(fixed),
    // Nobody but the lease knows when a token ends: there is nobody to tell of a renewal.
    renewable: defineSecretType({ ...fixed, name: "token", renew: async () => undefined }),
  };
}
