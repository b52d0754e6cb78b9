import { CoreError, quote } from "../../../core/errors.ts";
import { invalidField } from "../../../core/field.ts";
import { isJsonObject, type JsonValue } from "../../../core/json.ts";
import type { MountStorage } from "../../../core/mount-storage.ts";
import { partitionOf } from "../aws-endpoints.ts";
import { statementsOf } from "../guard.ts";
import { type Role, readRole, roleFolder } from "../role.ts";
import type { RoleFields } from "./role-fields.ts";

interface StrayArn {
  /** Field of the role that names it. */
  readonly field: "role_arns" | "policy_arns" | "permissions_boundary_arn" | "mfa_serial_number";
  readonly arn: string;
}

/** Partition that an ARN is of; undefined for a text that is none, or leaves the partition open. */
function partitionIn(text: string): string | undefined {
  return /^arn:([a-z][a-z0-9-]*):/.exec(text)?.[1];
}

/** Finds the first ARN of a role that is of another partition than a region, which nothing there can have. */
function strayArnOf(role: Role, region: string): StrayArn | undefined {
  const partition = partitionOf(region);
  const named: readonly StrayArn[] = [
    ...role.roleArns.map((arn) => ({ field: "role_arns", arn }) as const),
    ...role.policyArns.map((arn) => ({ field: "policy_arns", arn }) as const),
    { field: "permissions_boundary_arn", arn: role.boundaryArn ?? "" },
    { field: "mfa_serial_number", arn: role.mfaSerialNumber ?? "" },
  ];
  return named.find(({ arn }) => (partitionIn(arn) ?? partition) !== partition);
}

/** Checks that the ARNs which a role names are of the partition of the mount's region. Throws `INVALID_FIELD`. */
export function checkPartition(role: Role, given: RoleFields, region: string): void {
  const stray = strayArnOf(role, region);
  if (stray === undefined) return;
  const { field, arn } = stray;
  const written = given.arn === arn && (field === "role_arns" || field === "policy_arns") ? "arn" : field;
  throw invalidField(
    written,
    `names ${quote(arn)}, which is not of partition ${partitionOf(region)}, and the mount's region ${quote(region)} is. ` +
      'Name what that partition has, or write another "region" to config/root.',
  );
}

/**
 * What to tell of a policy that speaks of things in another partition than a region; undefined where it does not. AWS refuses such
 * a policy when it is given to a user.
 */
export function strayResourceWarning({ document }: Role, region: string): string | undefined {
  const partition = partitionOf(region);
  const stray = statementsOf(document ?? {})
    .filter(isJsonObject)
    .flatMap(({ Resource, NotResource }) => [...textsOf(Resource), ...textsOf(NotResource)])
    .find((text) => (partitionIn(text) ?? partition) !== partition);
  if (stray === undefined) return undefined;
  return (
    `The policy names ${quote(stray)}, which is not of partition ${partition}, and the mount's region ${quote(region)} is. ` +
    "AWS refuses that when credentials are asked for."
  );
}

function textsOf(value: JsonValue | undefined): readonly string[] {
  return [value].flat().filter((item) => typeof item === "string");
}

/** What to tell whoever writes a region of the roles that were written for another partition; undefined where there are none. */
export async function strayRolesWarning(
  storage: MountStorage,
  { region, mountPath }: { readonly region: string; readonly mountPath: string },
): Promise<string | undefined> {
  const strays: string[] = [];
  for (const name of await storage.list(roleFolder)) {
    const role = await readRole(storage, { name, mountPath }).catch(unlessGone);
    if (role !== undefined && strayArnOf(role, region) !== undefined) strays.push(quote(name));
  }
  if (strays.length === 0) return undefined;
  const roles = strays.length === 1 ? `Role ${strays[0]} names` : `Roles ${strays.join(", ")} name`;
  return `${roles} ARNs that are not of partition ${partitionOf(region)}, which region ${quote(region)} is of: AWS will refuse what is asked for there. Write them anew.`;
}

function unlessGone(error: unknown): undefined {
  if (error instanceof CoreError && error.code === "NO_SUCH_ROLE") return undefined;
  throw error;
}
