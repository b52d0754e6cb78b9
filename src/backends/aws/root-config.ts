import type { JsonObject } from "../../core/json.ts";
import type { MountStorage } from "../../core/mount-storage.ts";

/** Where the root key of a mount is stored. */
export const rootConfigPath = "config/root";

/** Region where none is set. IAM is global; the region matters to endpoints of one's own, and to other partitions. */
export const defaultRegion = "us-east-1";

/** How often a throttled or unanswered call of an issue is sent again where nothing is set. */
export const defaultMaxRetries = 3;

/** The root key of a mount, and how AWS is reached. Stored sealed; it can be written and never read. */
export type RootConfig = {
  readonly accessKey: string;
  readonly secretKey: string;
  readonly region?: string;
  readonly iamEndpoint?: string;
  readonly stsEndpoint?: string;
  readonly maxRetries?: number;
  /** Account of the key, once AWS told it. */
  readonly account?: string;
};

/** Reads the root key of a mount; undefined where none was written. */
export async function readRootConfig(storage: MountStorage): Promise<RootConfig | undefined> {
  return rootConfigOf(await storage.get(rootConfigPath));
}

/** Changes the root key of a mount as it is at that moment. */
export async function updateRootConfig(
  storage: MountStorage,
  change: (current: RootConfig | undefined) => RootConfig,
): Promise<RootConfig> {
  const written = await storage.update(rootConfigPath, (current) => change(rootConfigOf(current)));
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
    one.region === other.region &&
    one.iamEndpoint === other.iamEndpoint &&
    one.stsEndpoint === other.stsEndpoint
  );
}
