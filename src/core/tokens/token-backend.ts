import type { BackendType, DefinedSecretType } from "../backend.ts";
import { createTokenBook, type TokenBook } from "./token-book.ts";
import { type TokenInput, tokenSecretTypes } from "./token-secret.ts";

/** Path of the mount that the tokens are leases of. */
export const tokenMountPath = "auth/token";

/** Its accessor. */
export const tokenMountAccessor = "auth_token";

/** The backend of the mount of tokens, and what else the core needs of it. */
export interface TokenBackend {
  readonly type: BackendType;
  /** Throws before the mount was assembled. */
  book(): TokenBook;
  /** The secret type of tokens that can, or cannot, be renewed. */
  secretType(isRenewable: boolean): DefinedSecretType<TokenInput>;
}

/** Makes the backend of tokens. They are asked for by the `AuthService`, so the mount has no paths. */
export function createTokenBackend(options: {
  readonly endLeasesOf: (callerId: string) => Promise<void>;
  /** Told the digest of each token that this server has made useless. */
  readonly onDisarmed: (digest: string) => void;
}): TokenBackend {
  let made: { readonly book: TokenBook; readonly types: ReturnType<typeof tokenSecretTypes> } | undefined;
  const assembled = () => {
    if (!made) throw new Error("The mount of tokens is not assembled yet.");
    return made;
  };
  return {
    book: () => assembled().book,
    secretType: (isRenewable) => assembled().types[isRenewable ? "renewable" : "fixed"],
    type: {
      type: "token",
      summary: "The tokens of callers.",
      description: "Tokens are made, looked up, renewed and revoked by the AuthService.",
      create({ storage }) {
        const book = createTokenBook(storage, options.onDisarmed);
        const types = tokenSecretTypes({ book, endLeasesOf: options.endLeasesOf });
        made = { book, types };
        return { paths: [], secretTypes: [types.renewable.type, types.fixed.type] };
      },
    },
  };
}
