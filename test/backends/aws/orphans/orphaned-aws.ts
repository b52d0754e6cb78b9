import { randomUUID } from "node:crypto";
import { leaseId } from "../../../../src/core/lease.ts";
import { type MountedAws, mountAws, rootKey, tutorialPolicy } from "../mounted-aws.ts";

/** A mount with a role `deploy`, at which users are issued whose leases are known or not. */
export interface OrphanedAws extends MountedAws {
  /** Accessor of the mount. */
  readonly accessor: string;
  /** Issues a user as the lessor would, and answers its name and lease; the lease is not known unless told. */
  issue(how?: {
    readonly role?: string;
    readonly accessor?: string;
    readonly ttlMs?: number;
    readonly isKnown?: boolean;
  }): Promise<{ readonly user: string; readonly lease: string }>;
  /** Reads or writes a path of the sweep, and answers the data. */
  data(
    path: "orphans" | "tidy" | "adopt",
    fields?: Record<string, string | number | boolean>,
  ): Promise<Swept>;
}

/** An answer of the paths of the sweep. */
export interface Swept {
  readonly [name: string]: unknown;
  readonly users?: readonly Readonly<Record<string, unknown>>[];
  readonly left_users?: readonly { readonly user: string; readonly why: string }[];
}

/** Mounts `aws` over a fake IAM with the role `deploy`. */
export async function orphanedAws(): Promise<OrphanedAws> {
  const aws = mountAws();
  const accessor = "aws_4f1c2d3e";
  await aws.ask("write", "config/root", rootKey);
  await aws.ask("write", "roles/deploy", { policy_document: tutorialPolicy });
  return Object.assign(aws, {
    accessor,
    async issue({ role = "deploy", ttlMs = 3_600_000, isKnown = false, ...how } = {}) {
      const leaseUuid = randomUUID();
      const lease = leaseId(`aws/creds/${role}`, leaseUuid);
      const ids = { leaseUuid, leaseId: lease, accessor, role };
      const { input } = await aws.issueOf(role);
      const issuedAtMs = aws.clock.nowMs();
      const { handle } = await aws.userType.create(aws.userType.plan(input, ids), {
        ...{ input, ids, issuedAtMs, signal: new AbortController().signal },
        expiresAtMs: issuedAtMs + ttlMs,
      });
      const user = String(handle["user"]);
      if (isKnown) aws.leases.known.add(lease);
      const made = aws.iam.users.get(user);
      if (made !== undefined && how.accessor !== undefined) {
        made.tags = { ...made.tags, "leasehold:mount": how.accessor };
      }
      return { user, lease };
    },
    async data(path, fields = {}) {
      return ((await aws.ask(path === "orphans" ? "read" : "write", path, fields)).data ?? {}) as Swept;
    },
  } satisfies Omit<OrphanedAws, keyof MountedAws>);
}
