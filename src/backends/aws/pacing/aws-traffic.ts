import { systemClock } from "../../../core/clock.ts";
import { noVendorTelemetry } from "../../../core/vendor-telemetry.ts";
import type { AwsOptions } from "../aws-options.ts";
import { type AwsQuery, type ClockSkew, createAwsQuery } from "../aws-query.ts";
import type { Iam, IamSettings } from "../iam.ts";
import type { IamPolicies } from "../sts/iam-policies.ts";
import type { CallClass } from "./call-class.ts";
import { createHeadRoomGuard, type HeadRoomGuard } from "./head-room.ts";
import { pacedIam } from "./paced-iam.ts";
import { pacedPolicies } from "./paced-policies.ts";
import { createPacer } from "./pacer.ts";
import { createCircuits, watchQuery } from "./watched-query.ts";

/** Whose calls, and what for. */
export interface TrafficTurn {
  readonly account: string;
  readonly class: CallClass;
}

/** What all mounts of this server share on their way to AWS: counters, circuit breakers, clocks, rates and counts of users. */
export interface AwsTraffic {
  /** Makes a client whose calls are counted, and kept from an endpoint that does not answer. */
  createQuery(settings: IamSettings): AwsQuery;
  /** Has the calls of a client wait for their turn among all that are made in the account. */
  paced(iam: Iam, turn: TrafficTurn): Iam;
  /** Does the same for calls on the policies of roles and groups. */
  pacedPolicies(policies: IamPolicies, turn: TrafficTurn): IamPolicies;
  readonly headRoom: HeadRoomGuard;
}

/** Makes the traffic of a server. Without shared rates nothing is paced. */
export function createAwsTraffic(aws: AwsOptions): AwsTraffic {
  const { rates, telemetry = noVendorTelemetry, clock = systemClock } = aws;
  const circuits = createCircuits({ clock, telemetry });
  const pacer = rates && createPacer({ rates, clock, telemetry });
  // A client that is made for one call, as for the probe of a new key, has no other to learn by.
  const skews = new Map<string, ClockSkew>();
  const skewAt = ({ iamEndpoint, stsEndpoint }: IamSettings): ClockSkew => {
    const endpoints = JSON.stringify([iamEndpoint, stsEndpoint]);
    const skew = skews.get(endpoints) ?? { ms: 0 };
    skews.set(endpoints, skew);
    return skew;
  };
  return {
    createQuery: (settings) =>
      watchQuery(createAwsQuery(settings, { skew: skewAt(settings) }), { settings, circuits, telemetry }),
    paced: (iam, turn) => (pacer ? pacedIam(iam, { pacer, ...turn }) : iam),
    pacedPolicies: (policies, turn) => (pacer ? pacedPolicies(policies, { pacer, ...turn }) : policies),
    headRoom: createHeadRoomGuard({ clock, telemetry }),
  };
}
