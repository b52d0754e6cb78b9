import type { Account } from "./account.ts";
import { awsError, notFound } from "./aws-error.ts";
import type { PolicyHolder } from "./entities.ts";
import { Policy } from "./policy/policy.ts";

/** The kinds of identity that hold policies, as AWS names them in sentences. */
export type HolderKind = "user" | "group" | "role";

/**
 * Stores an inline policy, new or in place of the one of that name.
 *
 * @throws AwsError `MalformedPolicyDocument`, or `LimitExceeded` when all inline policies together, white space not
 * counted, would be longer than the holder may have.
 */
export function putInlinePolicy(
  holder: PolicyHolder,
  kind: HolderKind,
  policy: { name: string; text: string },
  charsMax: number,
): void {
  const parsed = new Policy(policy.text);
  let chars = parsed.countedChars;
  for (const [name, other] of holder.inlinePolicies) {
    if (name !== policy.name) chars += other.countedChars;
  }
  if (chars > charsMax) {
    throw awsError(
      "LimitExceeded",
      `Maximum policy size of ${charsMax} bytes exceeded for ${kind} ${holder.name}`,
    );
  }
  holder.inlinePolicies.set(policy.name, parsed);
}

/**
 * Gets an inline policy.
 *
 * @throws AwsError `NoSuchEntity` when the holder has none of that name.
 */
export function inlinePolicy(holder: PolicyHolder, kind: HolderKind, name: string): Policy {
  const found = holder.inlinePolicies.get(name);
  if (found === undefined) throw notFound(`${kind} policy`, name);
  return found;
}

/**
 * Deletes an inline policy.
 *
 * @throws AwsError `NoSuchEntity` when the holder has none of that name.
 */
export function deleteInlinePolicy(holder: PolicyHolder, kind: HolderKind, name: string): void {
  inlinePolicy(holder, kind, name);
  holder.inlinePolicies.delete(name);
}

/** A policy document as answers carry it: percent-encoded by RFC 3986. */
export function encodedDocument(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/**
 * Attaches a managed policy; attaching it twice is no error.
 *
 * @throws AwsError `NoSuchEntity`, or `LimitExceeded` when the holder has as many as it may.
 */
export function attachPolicy(account: Account, holder: PolicyHolder, kind: HolderKind, arn: string): void {
  const policy = account.findPolicy(arn);
  if (policy === undefined) {
    throw awsError("NoSuchEntity", `Policy ${arn} does not exist or is not attachable.`);
  }
  if (holder.attachedPolicies.has(arn)) return;
  if (holder.attachedPolicies.size >= account.quotas.attachedPolicies) {
    const quota = `PoliciesPer${kind.charAt(0).toUpperCase()}${kind.slice(1)}`;
    throw awsError("LimitExceeded", `Cannot exceed quota for ${quota}: ${account.quotas.attachedPolicies}`);
  }
  holder.attachedPolicies.add(arn);
  policy.attachmentCount += 1;
}

/**
 * Detaches a managed policy.
 *
 * @throws AwsError `NoSuchEntity` when it is not attached.
 */
export function detachPolicy(account: Account, holder: PolicyHolder, arn: string): void {
  if (!holder.attachedPolicies.delete(arn)) {
    throw awsError("NoSuchEntity", `Policy ${arn} was not found.`);
  }
  const policy = account.policies.get(arn);
  if (policy !== undefined) policy.attachmentCount -= 1;
}

/** The policies attached to a holder, by the prefix of their paths, as lists show them. */
export function attachedPolicies(account: Account, holder: PolicyHolder, pathPrefix: string) {
  return Array.from(holder.attachedPolicies, (arn) => account.policies.get(arn))
    .filter((policy) => policy !== undefined)
    .filter((policy) => policy.path.startsWith(pathPrefix));
}
