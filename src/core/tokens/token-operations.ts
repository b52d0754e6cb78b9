import type { Caller } from "../caller.ts";
import { CoreError, quote } from "../errors.ts";
import type { JsonObject } from "../json.ts";
import { leaseUuid } from "../lease.ts";
import type { LeaseDesk } from "../lease-desk.ts";
import type { LeaseStore } from "../lease-store.ts";
import type { Operates } from "../operate.ts";
import type { PathReply } from "../path.ts";
import { normalizeRequestPath } from "../request-path.ts";
import type { RequestContext } from "../requests.ts";
import { tokenMountAccessor, tokenMountPath } from "./token-backend.ts";
import type { TokenBook } from "./token-book.ts";
import { createTokenIssuer, type TokenIssuerOptions } from "./token-issuer.ts";
import type { TokenRecord } from "./token-record.ts";
import { checkTokenRequest } from "./token-request.ts";
import type { TokenView } from "./token-view.ts";

const pageSizeDefault = 100;
const pageSizeMax = 1000;

/** The operations on tokens. */
export type TokenOperationName =
  | "createToken"
  | "login"
  | "lookupSelf"
  | "lookupToken"
  | "renewSelf"
  | "revokeSelf"
  | "revokeToken"
  | "listTokens";

/** What the operations on tokens work with. */
export interface TokenOperationsOptions extends TokenIssuerOptions {
  readonly book: () => TokenBook;
  readonly leases: Pick<LeaseStore, "list" | "nowMs" | "get">;
  readonly leaseDesk: Pick<LeaseDesk, "lookup" | "renew" | "revoke">;
  /** Has all leases of a caller end. */
  readonly endLeasesOf: (callerId: string) => Promise<void>;
  /** Lets a login method judge a login. */
  readonly logIn: (
    input: { readonly path: string; readonly data: JsonObject },
    context: RequestContext,
  ) => Promise<PathReply>;
}

/** What an issuer says of a caller ends up in logs and on terminals. */
const printable = (text: string): string =>
  text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, "_").toWellFormed();

/** Makes the operations on tokens. */
export function tokenOperations(options: TokenOperationsOptions): Operates<TokenOperationName> {
  const { book, leases, leaseDesk, endLeasesOf } = options;
  const issueToken = createTokenIssuer(options);

  const view = async (record: TokenRecord): Promise<TokenView> => {
    const { leaseId, ...facts } = record;
    if (leaseId === undefined) return { ...facts, lease: undefined };
    return { ...facts, lease: await leaseDesk.lookup(leaseId) };
  };

  const recordOf = async (accessor: string): Promise<TokenRecord> => {
    const record = await book().findByAccessor(accessor);
    if (record) return record;
    throw new CoreError(
      "NO_SUCH_TOKEN",
      `No token has the accessor ${quote(accessor)}: it is misspelt, or the token has ended.`,
      { details: { accessor: accessor.slice(0, 128) } },
    );
  };

  /** The caller's own token. The root token of the configuration has no record, no end, and no accessor. */
  const ownRecord = async (caller: Caller): Promise<TokenRecord> => {
    const record = await book().findByAccessor(caller.id);
    if (record) return record;
    throw new CoreError(
      "NO_SUCH_TOKEN",
      "This is the root token of the server's configuration: it is not stored, has no end and cannot be renewed. Take it out of the configuration to end it.",
    );
  };

  const revoke = async (record: TokenRecord, context: RequestContext): Promise<readonly string[]> => {
    if (record.leaseId !== undefined) return await leaseDesk.revoke(record.leaseId, context);
    await book().disarm(record.accessor);
    await endLeasesOf(record.accessor);
    await book().forget(record.accessor);
    return [];
  };

  return {
    createToken: async (input, context, caller) =>
      await issueToken(checkTokenRequest(input, caller), {
        path: `${tokenMountPath}/create`,
        owner: input.isOrphan ? undefined : caller,
        context,
      }),
    async login({ path, data }, context) {
      const fullPath = normalizeRequestPath(path);
      const { login, warnings = [] } = await options.logIn({ path: fullPath, data }, context);
      if (!login) {
        throw new CoreError(
          "UNSUPPORTED_OPERATION",
          `Nobody can log in at ${quote(fullPath)}. A login is at auth/<method>/login.`,
          { details: { path: fullPath } },
        );
      }
      const { policies, ttlMs, maxTtlMs, usesMax } = login;
      const displayName = printable(login.displayName);
      const facts = Object.entries(login.metadata).map(([name, text]) => [printable(name), printable(text)]);
      const metadata: Record<string, string> = Object.fromEntries(facts);
      const request = { displayName, policies, metadata, ttlMs, maxTtlMs, usesMax, isRenewable: true };
      const [, method = ""] = fullPath.split("/");
      const issued = await issueToken(request, {
        path: `${tokenMountPath}/login/${method}`,
        owner: undefined,
        context,
      });
      return { ...issued, warnings: [...warnings, ...issued.warnings] };
    },
    async lookupSelf(_input, _context, caller) {
      const record = await book().findByAccessor(caller.id);
      if (record) return await view(record);
      const { id: accessor, name: displayName, policies, metadata } = caller;
      return {
        ...{ accessor, displayName, policies, metadata },
        ...{ parent: undefined, usesLeft: undefined, createdAtMs: 0, lease: undefined },
      };
    },
    lookupToken: async ({ accessor }) => await view(await recordOf(accessor)),
    async renewSelf({ incrementMs }, { signal }, caller) {
      const record = await ownRecord(caller);
      if (record.leaseId === undefined)
        throw new CoreError("UNSUPPORTED_OPERATION", "A root token has no end, and so cannot be renewed.");
      const { warnings } = await leaseDesk.renew(record.leaseId, { incrementMs, signal });
      return { token: await view(record), warnings };
    },
    revokeSelf: async (_input, context, caller) => ({
      warnings: await revoke(await ownRecord(caller), context),
    }),
    revokeToken: async ({ accessor }, context) => ({
      warnings: await revoke(await recordOf(accessor), context),
    }),
    async listTokens({ pageSize, pageToken }) {
      const limit = Math.min(pageSizeMax, pageSize > 0 ? pageSize : pageSizeDefault);
      const page = { prefix: "", after: pageToken, limit };
      const found = await leases.list(tokenMountAccessor, page);
      return {
        accessors: found.map(({ id }) => leaseUuid(id)),
        nextPageToken: found.length < limit ? "" : (found.at(-1)?.id ?? ""),
      };
    },
  };
}
