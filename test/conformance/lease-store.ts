import { beforeEach, describe } from "vitest";
import { createLeaseScene, type LeaseStoreUnderTest } from "./lease-scene.ts";
import { admissionConformance } from "./lease-store-admission.ts";
import { claimConformance } from "./lease-store-claims.ts";
import { eventsConformance } from "./lease-store-events.ts";
import { issuingConformance } from "./lease-store-issuing.ts";
import { readingConformance } from "./lease-store-reading.ts";
import { renewingConformance } from "./lease-store-renewing.ts";
import { revokingConformance } from "./lease-store-revoking.ts";

/** What every lease store keeps to; runs against the one in memory and the one on Redis. */
export function leaseStoreConformance(name: string, make: () => Promise<LeaseStoreUnderTest>): void {
  describe(`${name} as a lease store`, () => {
    const scene = createLeaseScene();
    beforeEach(async () => scene.reset(await make()));

    issuingConformance(scene);
    admissionConformance(scene);
    renewingConformance(scene);
    claimConformance(scene);
    revokingConformance(scene);
    readingConformance(scene);
    eventsConformance(scene);
  });
}
