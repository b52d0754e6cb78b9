import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import type { TokenInfo } from "../../gen/leasehold/v1/auth_pb.ts";
import { durationSeconds, durationText } from "./flag-duration.ts";
import { timeJson, timeText } from "./lease-view.ts";

/** What is known of a token, as the rows of a table. */
export function tokenRows(info: TokenInfo): (readonly [string, JsonValue])[] {
  const { ttl, usesLeft, parent, metadata } = info;
  return [
    ["accessor", info.accessor],
    ["display_name", info.displayName],
    ["policies", info.policies],
    ["ttl", ttl ? durationText(ttl) : "never ends"],
    ["renewable", info.renewable],
    ...(info.expiresAt ? [["expires_at", timeText(info.expiresAt)] as const] : []),
    ...(info.maxExpiresAt ? [["max_expires_at", timeText(info.maxExpiresAt)] as const] : []),
    ...(usesLeft === undefined ? [] : [["uses_left", Number(usesLeft)] as const]),
    ...(parent === "" ? [] : [["parent", parent] as const]),
    ...(Object.keys(metadata).length === 0 ? [] : [["metadata", metadata] as const]),
  ];
}

/** What is known of a token, as a JSON document; the TTL is in seconds, and null where the token does not end by itself. */
export function tokenDocument(info: TokenInfo): JsonObject {
  const { ttl, usesLeft } = info;
  return {
    accessor: info.accessor,
    display_name: info.displayName,
    policies: info.policies,
    metadata: info.metadata,
    ttl: ttl ? Math.ceil(durationSeconds(ttl)) : null,
    renewable: info.renewable,
    created_at: timeJson(info.createdAt),
    expires_at: timeJson(info.expiresAt),
    max_expires_at: timeJson(info.maxExpiresAt),
    uses_left: usesLeft === undefined ? null : Number(usesLeft),
    parent: info.parent || null,
  };
}
