import { isJsonObject, type JsonObject } from "../json.ts";

/** What is stored about a token, sealed, under the digest of its text. Times are in milliseconds since 1970. */
export interface TokenRecord {
  /** Names the token without being able to use it: the UUID of its lease. */
  readonly accessor: string;
  /** Id of the lease by which the token ends; undefined for a root token, which has no end of its own. */
  readonly leaseId: string | undefined;
  readonly displayName: string;
  readonly policies: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  /** Accessor of the token that made it, whose end is its end; undefined for an orphan. */
  readonly parent: string | undefined;
  /** How often it can still be used; undefined means no limit. */
  readonly usesLeft: number | undefined;
  readonly createdAtMs: number;
}

/** A record as it is stored. */
export function tokenRecordToJson(record: TokenRecord): JsonObject {
  const { leaseId, parent, usesLeft } = record;
  return {
    accessor: record.accessor,
    displayName: record.displayName,
    policies: [...record.policies],
    metadata: { ...record.metadata },
    createdAtMs: record.createdAtMs,
    ...(leaseId !== undefined && { leaseId }),
    ...(parent !== undefined && { parent }),
    ...(usesLeft !== undefined && { usesLeft }),
  };
}

/** Reads a record as it is stored. */
export function tokenRecordFromJson(json: JsonObject): TokenRecord {
  const { leaseId, parent, usesLeft, policies, metadata, createdAtMs } = json;
  return {
    accessor: String(json.accessor),
    displayName: String(json.displayName ?? ""),
    policies: Array.isArray(policies) ? policies.map(String) : [],
    metadata: isJsonObject(metadata)
      ? Object.fromEntries(Object.entries(metadata).map(([name, value]) => [name, String(value)]))
      : {},
    createdAtMs: typeof createdAtMs === "number" ? createdAtMs : 0,
    leaseId: typeof leaseId === "string" ? leaseId : undefined,
    parent: typeof parent === "string" ? parent : undefined,
    usesLeft: typeof usesLeft === "number" ? usesLeft : undefined,
  };
}
