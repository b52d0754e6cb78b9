import type { Clock } from "../../core/clock.ts";
import { CoreError } from "../../core/errors.ts";
import type { MountLeases } from "../../core/mount-leases.ts";
import type { MountStorage } from "../../core/mount-storage.ts";
import { definePath, type PathDefinition } from "../../core/path.ts";
import { strayRolesWarning } from "./roles/partition-of-role.ts";
import type { RootAccess } from "./root-access.ts";
import {
  partitionRegionOf,
  type RootConfig,
  reachesSameAccount,
  readRootConfig,
  rootConfigPath,
  updateRootConfig,
} from "./root-config.ts";
import { identifyRoot, type RootIdentity } from "./root-key/identify-root.ts";
import { lackingPermissions } from "./root-key/lacking-permissions.ts";
import { mergeRoot } from "./root-key/merge-root.ts";
import { type RootFieldName, rootFields } from "./root-key/root-fields.ts";

/** The path of the root credentials. It has no read: what is stored there is for leasehold alone. */
export function configRootPath(options: {
  readonly storage: MountStorage;
  readonly access: RootAccess;
  readonly leases: MountLeases;
  readonly clock: Clock;
  readonly liveLeases: () => Promise<number>;
}): PathDefinition {
  const { storage, access, leases, clock, liveLeases } = options;
  return definePath({
    pattern: rootConfigPath,
    summary: "The root credentials, with which leasehold manages users.",
    description:
      "The root key is an access key of an IAM user that may create and delete the leased users; which permissions it " +
      "needs is in docs/backends/aws.md. Without a key, the credentials are those of the server's surroundings. They can be " +
      "written and not read. A field that is left out stays as it is. AWS is asked about them before they are stored.",
    params: {},
    fields: rootFields,
    operations: {
      write: {
        summary: "Writes the root credentials, or what is given of them.",
        takes: Object.keys(rootFields) as RootFieldName[],
        handle: async ({ fields, mountPath, signal }) => {
          const nowMs = await leases.nowMs();
          const before = await readRootConfig(storage);
          const wanted = mergeRoot(before, fields, nowMs);
          const isKnown = before?.account !== undefined && reachesSameAccount(before, wanted);
          if (isKnown && fields.validate !== true) {
            await updateRootConfig(storage, (now) => mergeRoot(now, fields, nowMs));
            return {};
          }
          const { account, warnings } =
            fields.validate === false
              ? { account: undefined, warnings: [] }
              : await access.trial(wanted, async (root) => {
                  const { account, arn } = await identifyRoot(root, { clock, signal });
                  // The ARN of a session lacks the path of its AWS role.
                  const holder = wanted.roleArn ?? arn;
                  return { account, warnings: await lackingPermissions(root, { arn: holder, signal }) };
                });
          const live = before === undefined ? 0 : await liveLeases();
          if (live > 0) refuseOtherAccount(before, account, { live, mountPath });
          await updateRootConfig(storage, (now) => {
            const { account: known, ...merged } = mergeRoot(now, fields, nowMs);
            if (now !== undefined && known !== undefined && reachesSameAccount(now, merged))
              return { ...merged, account: known };
            const isAsked = account !== undefined && reachesSameAccount(merged, wanted);
            return isAsked ? { ...merged, account } : merged;
          });
          const unknown = account === undefined ? unknownAccount(before, wanted, live) : [];
          const region = partitionRegionOf(wanted);
          const isMoved = region !== undefined && region !== (before && partitionRegionOf(before));
          const strays = isMoved ? await strayRolesWarning(storage, { region, mountPath }) : undefined;
          const told = [...warnings, ...unknown, ...leftOfRotation(before, wanted)];
          return { warnings: [...told, ...(strays === undefined ? [] : [strays])] };
        },
      },
    },
  });
}

/** With another account's key the users of the leases that are out could not be deleted any more. */
function refuseOtherAccount(
  before: RootConfig | undefined,
  account: RootIdentity["account"],
  where: { readonly live: number; readonly mountPath: string },
): void {
  if (before?.account === undefined || account === undefined || before.account === account) return;
  const { live, mountPath } = where;
  throw new CoreError(
    "INVALID_FIELD",
    `Field "access_key" must be a key of account ${before.account} while leases are out: the credentials are of account ` +
      `${account}, and ${live} ${live === 1 ? "lease of this mount is" : "leases of this mount are"} live. ` +
      `Revoke them first (all below "${mountPath}/"), or mount the other account at a path of its own.`,
    {
      details: {
        field: "access_key",
        account: before.account,
        new_account: account,
        live_leases: String(live),
      },
    },
  );
}

function unknownAccount(before: RootConfig | undefined, wanted: RootConfig, live: number): string[] {
  if (live === 0 || (before !== undefined && reachesSameAccount(before, wanted))) return [];
  return [
    `Whether the new credentials belong to the account of the ${live} live ${live === 1 ? "lease" : "leases"} is not known; their ` +
      "users can only be deleted if they do.",
  ];
}

/** What a rotation of the key before has made and not finished: nobody else looks after it any more. */
function leftOfRotation(before: RootConfig | undefined, wanted: RootConfig): string[] {
  const { rotation, user } = before?.turnover ?? {};
  if (rotation === undefined) return [];
  if (before?.accessKey === wanted.accessKey) {
    if (before?.roleArn !== undefined || wanted.roleArn === undefined) return [];
    return [
      `A rotation of the root key ${before?.accessKey} is under way, and rests as long as there is a role_arn: user "${user}" has a ` +
        "further access key until then, or may have. Take role_arn away to have it finished.",
    ];
  }
  const { pending, old } = rotation;
  const key = pending?.id ?? (rotation.step === "removing" ? old.join(", ") : "one whose id is not known");
  return [
    `A rotation of the earlier root key ${before?.accessKey} was under way, and is given up. User "${user}" may be left with a ` +
      `further access key, ${key}; look at its keys, and delete what is not used.`,
  ];
}
