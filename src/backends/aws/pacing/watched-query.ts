import type { Clock } from "../../../core/clock.ts";
import type { VendorTelemetry } from "../../../core/vendor-telemetry.ts";
import { type AwsService, endpointOf } from "../aws-endpoints.ts";
import { isAwsFailure } from "../aws-failure.ts";
import type { AwsQuery } from "../aws-query.ts";
import type { IamSettings } from "../iam.ts";
import { type CircuitBreaker, createCircuitBreaker } from "./circuit-breaker.ts";

/** The circuit breakers of all endpoints that this server calls, for all its mounts. */
export interface Circuits {
  of(endpoint: string): CircuitBreaker;
}

/** Makes the circuit breakers of a server. */
export function createCircuits(options: {
  readonly clock: Pick<Clock, "nowMs">;
  readonly telemetry: VendorTelemetry;
}): Circuits {
  const breakers = new Map<string, CircuitBreaker>();
  return {
    of(endpoint) {
      const breaker = breakers.get(endpoint) ?? createCircuitBreaker({ endpoint, ...options });
      breakers.set(endpoint, breaker);
      return breaker;
    },
  };
}

/** Counts the calls of a client by action and outcome, and keeps them from endpoints that do not answer. */
export function watchQuery(
  query: AwsQuery,
  options: {
    readonly settings: IamSettings;
    readonly circuits: Circuits;
    readonly telemetry: VendorTelemetry;
  },
): AwsQuery {
  const { settings, circuits, telemetry } = options;
  const breakerFor = (service: AwsService): CircuitBreaker => {
    const url = service === "iam" ? settings.iamEndpoint : settings.stsEndpoint;
    return circuits.of(endpointOf({ service, region: settings.region, url: url || undefined }).host);
  };
  return {
    async query(call) {
      try {
        const answer = await breakerFor(call.service).send(() => query.query(call));
        telemetry.called(call.action, "OK");
        return answer;
      } catch (error) {
        telemetry.called(call.action, isAwsFailure(error) ? error.code : "Error");
        throw error;
      }
    },
    close: () => query.close(),
  };
}
