import type { Clock } from "../../core/clock.ts";
import type { SharedRates } from "../../core/shared-rates.ts";
import type { VendorTelemetry } from "../../core/vendor-telemetry.ts";
import type { Iam, IamSettings } from "./iam.ts";
import type { LoadSurroundings } from "./root-key/root-credentials.ts";
import type { SessionAws } from "./sts/session-aws.ts";

/** What the process sets for all mounts of type `aws`. */
export interface AwsOptions {
  /** How long after the last creating call "no such user" is not believed, in milliseconds. */
  readonly consistencyMs: number;
  /** URL of IAM for mounts that set none of their own. */
  readonly iamEndpoint?: string | undefined;
  /** URL of STS for mounts that set none of their own. */
  readonly stsEndpoint?: string | undefined;
  /** Makes the client for AWS; `connectIam` by default. */
  readonly connectIam?: (settings: IamSettings) => Iam;
  /** Makes the clients for sessions; our own by default. */
  readonly connectSessions?: (settings: IamSettings) => SessionAws;
  /** Finds the credentials of mounts that have no key of their own; as AWS's own tools do by default. */
  readonly loadSurroundings?: LoadSurroundings;
  /** Waits between calls that are sent again; the process's own by default. */
  readonly clock?: Clock;
  /** Rates of calls by account, shared by all servers; without them nothing is paced. */
  readonly rates?: SharedRates;
  /** Users to leave free in every account whose mount says nothing else; 50 by default. */
  readonly userHeadRoom?: number;
  /** Told of calls to AWS; nobody by default. */
  readonly telemetry?: VendorTelemetry;
}
