import { bareRole, type Role, writeRole } from "../../../../src/backends/aws/role.ts";
import type { Created, DestroyContext, Issue, SecretIds, SecretType } from "../../../../src/core/backend.ts";
import type { JsonObject } from "../../../../src/core/json.ts";
import { createFakeSts, type FakeSts } from "../../../kit/fake-sts.ts";
import { type MountedAws, mountAws, rootKey } from "../mounted-aws.ts";

/** ARN of the role that the fake has. */
export const readerArn = "arn:aws:iam::111122223333:role/teams/reader";

/** A role of leasehold whose leases are sessions of that one. */
export const readerRole: Partial<Role> = { credentialType: "assumed_role", roleArns: [readerArn] };

/** A session of a lease, as the lessor has it. */
export interface IssuedSession extends Created<JsonObject> {
  readonly type: SecretType;
  readonly ids: SecretIds;
}

/** An `aws` mount over a fake token service. */
export interface MountedSessions {
  readonly aws: MountedAws;
  readonly sts: FakeSts;
  /** Stores a role as `roles/:name` does. */
  role(name: string, role: Partial<Role>): Promise<void>;
  /** Asks for a session, and answers what the lessor would be given. */
  issueOf(path: string, data?: JsonObject): Promise<Issue>;
  /** Makes the session of a new lease that lives for `ttlMs`. */
  open(path: string, data?: JsonObject, ttlMs?: number): Promise<IssuedSession>;
  /** Ends the session of a lease, and answers the warnings. */
  end(issued: IssuedSession, times?: Partial<Pick<DestroyContext<JsonObject>, "nowMs">>): Promise<string[]>;
}

/** Mounts the backend, with a root key. */
export async function mountSessions(root: JsonObject = rootKey): Promise<MountedSessions> {
  const fakes: FakeSts[] = [];
  const aws = mountAws({
    connectSessions: () => {
      const fake = createFakeSts({ nowMs: () => aws.clock.nowMs() });
      fakes.push(fake);
      return fake;
    },
  });
  await aws.ask("write", "config/root", root);
  await writeRole(aws.storage, "first", { ...bareRole, ...readerRole });
  await aws.ask("read", "sts/first");
  const [sts] = fakes;
  if (sts === undefined) throw new Error("No client was made.");
  return mountedOver(aws, sts);
}

let leases = 0;

/** Names a lease of its own. */
export function newIds(role: string): SecretIds {
  const leaseUuid = `0d042c53-aa8a-4ce7-9dfd-${String(++leases).padStart(12, "0")}`;
  return { leaseUuid, leaseId: `aws/creds/${role}/${leaseUuid}`, accessor: "aws_4f1c2d3e", role };
}

function mountedOver(aws: MountedAws, sts: FakeSts): MountedSessions {
  const { signal } = new AbortController();
  const issueOf = async (path: string, data: JsonObject = {}): Promise<Issue> => {
    const { issue } = await aws.ask("read", path, data);
    if (issue === undefined) throw new Error("Nothing was issued.");
    return issue;
  };
  return {
    aws,
    sts,
    issueOf,
    role: (name, role) => writeRole(aws.storage, name, { ...bareRole, ...role }),
    async open(path, data, ttlMs = 3_600_000) {
      const issue = await issueOf(path, data);
      const type = aws.secretTypes.find(({ name }) => name === issue.secretType);
      if (type === undefined) throw new Error(`There is no secret type ${issue.secretType}.`);
      const ids = newIds(issue.role);
      const issuedAtMs = aws.clock.nowMs();
      const times = { issuedAtMs, expiresAtMs: issuedAtMs + ttlMs };
      const context = { input: issue.input, ids, ...times, signal };
      const created = await type.create(type.plan(issue.input, ids), context);
      return { ...created, type, ids };
    },
    async end({ type, handle }, times = {}) {
      const warnings: string[] = [];
      const nowMs = times.nowMs ?? aws.clock.nowMs();
      await type.destroy(handle, {
        disarmed: Promise.resolve(),
        signal,
        nowMs,
        createsEndedAtMs: aws.clock.nowMs(),
        checkpoint: async () => {},
        warn: (warning) => void warnings.push(warning),
      });
      return warnings;
    },
  };
}
