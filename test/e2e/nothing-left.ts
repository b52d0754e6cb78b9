import { LeaseStateSchema } from "../../gen/leasehold/v1/leases_pb.ts";
import type { Deployment } from "../kit/deployment.ts";
import { eventually } from "./eventually.ts";

/** The leased users that exist, and the leases that are stored with what was last said of them. */
async function whatIsLeft(deployment: Deployment): Promise<readonly string[]> {
  const { leases } = await deployment.server.leases.list({});
  return [
    ...deployment.aliveUsers(),
    ...leases.map(
      ({ id, state, lastError }) => `${id} (${LeaseStateSchema.value[state]?.localName}) ${lastError}`,
    ),
  ];
}

/** Waits until no leased user and no lease is left; rejects with what is, after `withinMs`, 10 s unless told. */
export async function untilNothingIsLeft(
  deployment: Deployment,
  options: { readonly withinMs?: number } = {},
): Promise<void> {
  let left: readonly string[] = [];
  const isNothing = async (): Promise<boolean> => {
    left = await whatIsLeft(deployment);
    return left.length === 0;
  };
  await eventually("no user and no lease is left", isNothing, options).catch((error: unknown) => {
    throw new Error(`${left.join("\n")}\nis left.`, { cause: error });
  });
}
