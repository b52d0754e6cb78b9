import { quote } from "../../../core/errors.ts";
import { invalidField } from "../../../core/field.ts";
import { partitionOf } from "../aws-endpoints.ts";
import { defaultRegion, partitionRegionOf, type RootConfig } from "../root-config.ts";
import { checkUserNameTemplate } from "../user-name.ts";
import type { RootFields } from "./root-fields.ts";

/** Shortest period of a rotation, in milliseconds. */
export const rotationPeriodMsMin = 60_000;

/** Puts the given fields over what is stored. Throws `INVALID_FIELD` where no whole configuration comes of it. */
export function mergeRoot(before: RootConfig | undefined, given: RootFields, nowMs: number): RootConfig {
  const key = mergeKey(before, given);
  const isSameKey = before !== undefined && before.accessKey === key.accessKey;
  const roleArn = given.role_arn ?? before?.roleArn;
  const externalId = given.external_id ?? before?.externalId;
  const region = given.region ?? before?.region;
  const iamEndpoint = given.iam_endpoint ?? before?.iamEndpoint;
  const stsEndpoint = given.sts_endpoint ?? before?.stsEndpoint;
  const maxRetries = given.max_retries ?? before?.maxRetries ?? -1;
  const usernameTemplate = given.username_template ?? before?.usernameTemplate;
  const userHeadRoom = given.user_headroom ?? before?.userHeadRoom ?? -1;
  const rotationPeriodMs = given.rotation_period ?? before?.rotationPeriodMs ?? 0;
  const merged: RootConfig = {
    ...key,
    ...(roleArn ? { roleArn } : {}),
    ...(externalId ? { externalId } : {}),
    ...(region === undefined ? {} : { region }),
    ...(iamEndpoint ? { iamEndpoint } : {}),
    ...(stsEndpoint ? { stsEndpoint } : {}),
    ...(maxRetries < 0 ? {} : { maxRetries }),
    ...(usernameTemplate ? { usernameTemplate } : {}),
    ...(userHeadRoom < 0 ? {} : { userHeadRoom }),
    ...(rotationPeriodMs === 0 ? {} : { rotationPeriodMs }),
    keyWrittenAtMs: isSameKey ? (before.keyWrittenAtMs ?? nowMs) : nowMs,
    ...(isSameKey && before.turnover !== undefined ? { turnover: before.turnover } : {}),
    ...(isSameKey && before.formerKeys !== undefined ? { formerKeys: before.formerKeys } : {}),
    ...(before?.account === undefined ? {} : { account: before.account }),
  };
  checkRoot(merged, given);
  return merged;
}

function mergeKey(
  before: RootConfig | undefined,
  given: RootFields,
): Pick<RootConfig, "accessKey" | "secretKey"> {
  if (given.access_key === "") {
    if (given.secret_key === undefined) return {};
    throw invalidField("secret_key", "cannot be given where access_key is taken away.");
  }
  const accessKey = given.access_key ?? before?.accessKey;
  const secretKey = given.secret_key ?? before?.secretKey;
  if (accessKey === undefined && secretKey === undefined) return {};
  if (accessKey === undefined) {
    throw invalidField("access_key", "is missing: give access_key and secret_key, or neither.");
  }
  if (secretKey === undefined) {
    throw invalidField("secret_key", "is missing: give access_key and secret_key, or neither.");
  }
  if (before?.accessKey !== undefined && accessKey !== before.accessKey && given.secret_key === undefined) {
    throw invalidField(
      "secret_key",
      `is missing: the stored secret belongs to ${quote(before.accessKey)}, not to ${quote(accessKey)}.`,
    );
  }
  return { accessKey, secretKey };
}

function checkRoot(root: RootConfig, given: RootFields): void {
  const { roleArn, region = defaultRegion, rotationPeriodMs } = root;
  if (root.externalId !== undefined && roleArn === undefined) {
    throw invalidField("external_id", "goes with role_arn, and there is none. Give both, or take it away.");
  }
  const partitionRegion = partitionRegionOf(root);
  if (
    given.region !== undefined &&
    partitionRegion !== undefined &&
    !/^[a-z]{2,4}(?:-[a-z]+)+-\d{1,2}$/.test(region)
  ) {
    throw invalidField("region", `must be a region of AWS such as us-east-1, not ${quote(region)}.`);
  }
  const partition = partitionRegion && partitionOf(partitionRegion);
  if (roleArn !== undefined && partition !== undefined && roleArn.split(":")[1] !== partition) {
    throw invalidField(
      given.role_arn === undefined ? "region" : "role_arn",
      `does not fit: role_arn ${quote(roleArn)} is not of partition ${partition}, which region ${quote(region)} is of. Give a role and a region of one partition.`,
    );
  }
  if (given.username_template) checkUserNameTemplate(given.username_template);
  if (rotationPeriodMs === undefined) return;
  if (rotationPeriodMs < rotationPeriodMsMin) {
    throw invalidField("rotation_period", "must be at least 1m, or 0 for no rotation.");
  }
  if (root.accessKey === undefined || roleArn !== undefined) {
    const why =
      roleArn === undefined ? "there is none in access_key" : "role_arn makes temporary credentials";
    throw invalidField(
      given.rotation_period === undefined && given.role_arn !== undefined ? "role_arn" : "rotation_period",
      `cannot be: a rotation takes a root key of its own, and ${why}. Take one of the two away (rotation_period=0).`,
    );
  }
}
