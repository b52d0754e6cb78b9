import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { AuthService } from "../../gen/leasehold/v1/auth_pb.ts";
import type { Handle } from "../core/requests.ts";
import type { IssuedToken, TokenView } from "../core/tokens/token-view.ts";
import { durationToMs } from "./messages.ts";
import { type ServiceRoutes, serviceRoutes } from "./route.ts";
import { structToJson } from "./struct.ts";

function tokenToMessage({ lease, ...token }: TokenView) {
  return {
    accessor: token.accessor,
    displayName: token.displayName,
    policies: [...token.policies],
    metadata: { ...token.metadata },
    parent: token.parent ?? "",
    createdAt: timestampFromMs(token.createdAtMs),
    renewable: lease?.isRenewable ?? false,
    ...(token.usesLeft === undefined ? {} : { usesLeft: BigInt(token.usesLeft) }),
    ...(lease === undefined
      ? {}
      : {
          ttl: durationFromMs(lease.ttlLeftMs),
          expiresAt: timestampFromMs(lease.expiresAtMs),
          maxExpiresAt: timestampFromMs(lease.maxExpiresAtMs),
        }),
  };
}

const issuedToMessage = ({ token, view, warnings }: IssuedToken) => ({
  token,
  info: tokenToMessage(view),
  warnings: [...warnings],
});

/** The `AuthService` on top of the core. */
export function authService(handle: Handle): ServiceRoutes {
  return serviceRoutes(AuthService, {
    login: async ({ path, data }, context) => {
      const fields = data === undefined ? {} : structToJson(data, "data");
      return issuedToMessage(await handle("login", { path, data: fields }, context));
    },
    create: async (request, context) => {
      const { policies, ttl, maxTtl, numUses } = request;
      const input = {
        policies: policies.length === 0 ? undefined : policies,
        ttlMs: ttl === undefined ? undefined : durationToMs(ttl, "ttl"),
        maxTtlMs: maxTtl === undefined ? undefined : durationToMs(maxTtl, "max_ttl"),
        isRenewable: !request.notRenewable,
        usesMax: numUses === 0n ? undefined : Number(numUses),
        displayName: request.displayName,
        metadata: request.metadata,
        isOrphan: request.orphan,
        isWithoutDefaultPolicy: request.noDefaultPolicy,
      };
      return issuedToMessage(await handle("createToken", input, context));
    },
    lookupSelf: async (_request, context) => ({
      info: tokenToMessage(await handle("lookupSelf", {}, context)),
    }),
    lookup: async ({ accessor }, context) => ({
      info: tokenToMessage(await handle("lookupToken", { accessor }, context)),
    }),
    renewSelf: async ({ increment }, context) => {
      const incrementMs = increment === undefined ? undefined : durationToMs(increment, "increment");
      const { token, warnings } = await handle("renewSelf", { incrementMs }, context);
      return { info: tokenToMessage(token), warnings: [...warnings] };
    },
    revoke: async ({ accessor }, context) => ({
      warnings: [...(await handle("revokeToken", { accessor }, context)).warnings],
    }),
    revokeSelf: async (_request, context) => ({
      warnings: [...(await handle("revokeSelf", {}, context)).warnings],
    }),
    list: async (page, context) => {
      const { accessors, nextPageToken } = await handle("listTokens", page, context);
      return { accessors: [...accessors], nextPageToken };
    },
  });
}
