import type { IssuedToken, TokenRequest } from "../../../src/core/tokens/token-view.ts";
import type { TestServer } from "../../kit/core-harness.ts";

/** A token to make that asks for nothing. */
const plain: TokenRequest = {
  policies: undefined,
  displayName: "",
  metadata: {},
  ttlMs: undefined,
  maxTtlMs: undefined,
  isRenewable: true,
  usesMax: undefined,
  isOrphan: false,
  isWithoutDefaultPolicy: false,
};

/** Writes a policy with one rule for each path. */
export async function writePolicy(
  server: TestServer,
  name: string,
  path: Readonly<Record<string, readonly string[]>>,
): Promise<void> {
  const rules = Object.entries(path).map(([pattern, capabilities]) => [pattern, { capabilities }]);
  await server.ask("writePolicy", { name, policy: JSON.stringify({ path: Object.fromEntries(rules) }) });
}

/** Makes a token; by the root token unless another one is given. */
export function createToken(
  server: TestServer,
  request: Partial<TokenRequest> = {},
  token?: string,
): Promise<IssuedToken> {
  return server.ask("createToken", { ...plain, ...request }, token === undefined ? {} : { token });
}
