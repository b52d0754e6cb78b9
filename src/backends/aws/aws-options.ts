import type { Clock } from "../../core/clock.ts";
import type { Iam, IamSettings } from "./iam.ts";

/** What the process sets for all mounts of type `aws`. */
export interface AwsOptions {
  /** How long after the last creating call "no such user" is not believed, in milliseconds. */
  readonly consistencyMs: number;
  /** URL of IAM for mounts that set none of their own. */
  readonly iamEndpoint?: string | undefined;
  /** URL of STS for mounts that set none of their own. */
  readonly stsEndpoint?: string | undefined;
  /** Makes the client for AWS; the SDK's by default. */
  readonly connectIam?: (settings: IamSettings) => Iam;
  /** Waits between calls that are sent again; the process's own by default. */
  readonly clock?: Clock;
}
