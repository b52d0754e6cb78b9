import { Counter, collectDefaultMetrics, Histogram, Registry } from "prom-client";
import type { Inventory } from "../core/inventory.ts";
import type { Telemetry } from "../core/telemetry.ts";
import type { VendorTelemetry } from "../core/vendor-telemetry.ts";
import { createInventoryGauges } from "./inventory-gauges.ts";
import { createVendorMetrics } from "./vendor-metrics.ts";

/** What is looked up when the metrics are read, since nobody counts it as it happens. */
export interface MetricSources {
  takeInventory(): Promise<Inventory>;
  isObserving(): boolean;
  watches(): number;
}

/** Telemetry that counts, and its metrics as Prometheus reads them. */
export interface Metrics extends Telemetry {
  /** Counts what backends tell of their calls. */
  readonly vendor: VendorTelemetry;
  /** From now on the metrics show what these sources say. */
  lookInto(sources: MetricSources): void;
  /** The metrics in the text format of Prometheus. */
  text(): Promise<{ readonly contentType: string; readonly body: string }>;
}

/** Where metrics report what a person should read, not only count. */
export interface MetricsLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Makes the metrics; failures that no caller waits for are logged as well. */
export function createMetrics(log: MetricsLog): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const requests = new Counter({
    name: "leasehold_requests_total",
    help: "Requests by operation and outcome.",
    labelNames: ["operation", "outcome"],
    registers,
  });
  const claims = new Counter({
    name: "leasehold_lease_claims_total",
    help: "Leases that came due and were claimed, by what woke the claim: an expired event, the timer, a start, or a backlog.",
    labelNames: ["woken_by"],
    registers,
  });
  const issued = new Counter({
    name: "leasehold_leases_issued_total",
    help: "Leases issued, by type of mount.",
    labelNames: ["type"],
    registers,
  });
  const revoked = new Counter({
    name: "leasehold_leases_revoked_total",
    help: "Leases revoked, by type of mount and by why: expired or requested.",
    labelNames: ["type", "why"],
    registers,
  });
  const lateness = new Histogram({
    name: "leasehold_revocation_lateness_seconds",
    help: "Time from a lease's expiry until it was revoked.",
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300],
    registers,
  });
  const failures = new Counter({
    name: "leasehold_revocation_failures_total",
    help: "Attempts to revoke that failed, and will be made again.",
    registers,
  });
  const background = new Counter({
    name: "leasehold_background_failures_total",
    help: "Failures of work that no caller waits for.",
    registers,
  });
  const gauges = createInventoryGauges(registry);
  for (const source of ["event", "timer", "start", "backlog"]) claims.inc({ woken_by: source }, 0);

  return {
    handled: (operation, outcome) => requests.inc({ operation, outcome }),
    claimed: (source) => claims.inc({ woken_by: source }),
    issued: (type) => issued.inc({ type }),
    revoked(type, latenessMs) {
      revoked.inc({ type, why: latenessMs === undefined ? "requested" : "expired" });
      if (latenessMs !== undefined) lateness.observe(Math.max(0, latenessMs) / 1000);
    },
    revocationFailed({ id, isIrrevocable, wasIrrevocable, error }) {
      failures.inc();
      if (isIrrevocable && !wasIrrevocable)
        log.error({ leaseId: id, reason: error }, "lease is irrevocable; it is tried again hourly");
      else log.warn({ leaseId: id, reason: error }, "revocation failed; it is tried again");
    },
    backgroundFailed(what, error) {
      background.inc();
      log.warn({ what, err: error }, "background work failed; it is tried again");
    },
    observing(notice) {
      switch (notice.kind) {
        case "began":
          log.warn({ reasons: notice.reasons }, "observing only: nothing that is due is revoked");
          break;
        case "waiting":
          gauges.waiting(notice.count);
          log.warn(
            { wouldRevoke: notice.count, leaseIds: notice.ids },
            "observing only; these leases are due and left alone",
          );
          break;
        case "ended":
          gauges.waiting(0);
          log.info({}, "a person said go: what is due is revoked again");
          break;
        case "tailLost":
          log.warn(
            { reasons: notice.reasons },
            "redis has lost its newest changes, as in a failover; going on",
          );
          break;
      }
    },
    vendor: createVendorMetrics(registry, log),
    lookInto: gauges.lookInto,
    async text() {
      await gauges.refresh();
      return { contentType: registry.contentType, body: await registry.metrics() };
    },
  };
}
