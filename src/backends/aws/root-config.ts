import type { JsonObject } from "../../core/json.ts";
import type { MountStorage } from "../../core/mount-storage.ts";
import type { RotatingKey } from "./rotation/rotating-key.ts";

/** Where the root credentials of a mount are stored. */
export const rootConfigPath = "config/root";

/** Region where none is set. IAM is global; the region matters to endpoints of one's own, and to other partitions. */
export const defaultRegion = "us-east-1";

/** How often a throttled or unanswered call of an issue is sent again where nothing is set. */
export const defaultMaxRetries = 3;

/**
 * The root credentials of a mount, and how AWS is reached. Stored sealed; it can be written and never read. Without a key the
 * credentials are those of the server's surroundings; with `roleArn` those of a session of that AWS role.
 */
export type RootConfig = {
  readonly accessKey?: string;
  readonly secretKey?: string;
  readonly roleArn?: string;
  readonly externalId?: string;
  readonly region?: string;
  readonly iamEndpoint?: string;
  readonly stsEndpoint?: string;
  readonly maxRetries?: number;
  readonly usernameTemplate?: string;
  /** Users to leave free in the account. */
  readonly userHeadRoom?: number;
  /** How often the key is rotated by itself, in milliseconds. */
  readonly rotationPeriodMs?: number;
  /** When the key was written, by the storage's clock; the first rotation counts from then. */
  readonly keyWrittenAtMs?: number;
  /** Account of the credentials, once AWS told it. */
  readonly account?: string;
  /** Where the rotation of the key stands; its user is not known before the first one. */
  readonly turnover?: Omit<RotatingKey, "current">;
  /** Ids that the key had before it was rotated, the newest last. */
  readonly formerKeys?: readonly string[];
};

/** Reads the root credentials of a mount; undefined where none were written. */
export async function readRootConfig(storage: MountStorage): Promise<RootConfig | undefined> {
  return rootConfigOf(await storage.get(rootConfigPath));
}

/** Changes the root credentials of a mount as they are at that moment. */
export async function updateRootConfig(
  storage: MountStorage,
  change: (current: RootConfig | undefined) => RootConfig,
  options: { readonly whileUnmounting?: boolean } = {},
): Promise<RootConfig> {
  const written = await storage.update(rootConfigPath, (current) => change(rootConfigOf(current)), options);
  return written as RootConfig;
}

/** The entry is sealed, and written by `updateRootConfig` alone. */
function rootConfigOf(stored: JsonObject | undefined): RootConfig | undefined {
  return stored as RootConfig | undefined;
}

/** Says whether two configurations reach the same account for sure, so that what is known about it stays true. */
export function reachesSameAccount(one: RootConfig, other: RootConfig): boolean {
  return (
    one.accessKey === other.accessKey &&
    one.secretKey === other.secretKey &&
    one.roleArn === other.roleArn &&
    one.externalId === other.externalId &&
    one.region === other.region &&
    one.iamEndpoint === other.iamEndpoint &&
    one.stsEndpoint === other.stsEndpoint
  );
}

/** What stands for the root credentials where their account is not known: the id of the key, or the surroundings of the server. */
export function rootNameOf(config: RootConfig): string {
  return config.accessKey ?? "default-chain";
}

/**
 * The region whose partition all that a mount names must be of. Undefined where endpoints of its own are written: they may be of a
 * partition that is not known here, or know none.
 */
export function partitionRegionOf({
  region = defaultRegion,
  iamEndpoint,
  stsEndpoint,
}: RootConfig): string | undefined {
  return iamEndpoint === undefined && stsEndpoint === undefined ? region : undefined;
}
