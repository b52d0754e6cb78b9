import { type Call, defineAction, type Target } from "../action.ts";
import { awsError } from "../aws-error.ts";
import type { ManagedPolicy } from "../entities.ts";
import {
  arn,
  entityName,
  flag,
  oneOf,
  optional,
  pageFields,
  path,
  pathPrefix,
  policyText,
  tags,
  text,
} from "../fields.ts";
import { uniqueId } from "../ids.ts";
import { page } from "../page.ts";
import { Policy } from "../policy/policy.ts";
import { encodedDocument } from "../policy-holding.ts";
import { isoTime, type XmlObject } from "../xml.ts";
import { describeTags } from "./users.ts";

// Policies are written once here: there is one version of each, the default.
const onlyVersion = "v1";

function describePolicy(policy: ManagedPolicy): XmlObject {
  return {
    PolicyName: policy.name,
    PolicyId: policy.id,
    Arn: policy.arn,
    Path: policy.path,
    DefaultVersionId: onlyVersion,
    AttachmentCount: policy.attachmentCount,
    PermissionsBoundaryUsageCount: policy.boundaryCount,
    IsAttachable: true,
    CreateDate: isoTime(policy.createdAtMs),
    UpdateDate: isoTime(policy.createdAtMs),
  };
}

function isOfAws(policy: ManagedPolicy): boolean {
  return policy.arn.startsWith("arn:aws:iam::aws:");
}

function policyTarget({ account, input }: Call<{ PolicyArn: typeof arn }>): Target {
  return { arn: input.PolicyArn, tags: account.findPolicy(input.PolicyArn)?.tags };
}

const createPolicy = defineAction({
  service: "iam",
  name: "CreatePolicy",
  fields: {
    PolicyName: entityName(128),
    Path: path,
    PolicyDocument: policyText,
    Description: optional(text({ minChars: 0, maxChars: 1000 })),
    Tags: tags,
  },
  target: ({ account, input }) => ({
    arn: account.arn("policy", input.Path, input.PolicyName),
    requestTags: input.Tags,
  }),
  alsoNeeds: ({ input }) => (input.Tags.size > 0 ? ["iam:TagPolicy"] : []),
  run: ({ account, input, nowMs, visibleAtMs }) => {
    const own = [...account.policies.values()].filter((policy) => !isOfAws(policy));
    if (own.some(({ name }) => name.toLowerCase() === input.PolicyName.toLowerCase())) {
      const sentence = `A policy called ${input.PolicyName} already exists. Duplicate names are not allowed.`;
      throw awsError("EntityAlreadyExists", sentence);
    }
    const parsed = new Policy(input.PolicyDocument);
    const { quotas } = account;
    if (parsed.countedChars > quotas.managedPolicyChars) {
      throw awsError("LimitExceeded", `Cannot exceed quota for PolicySize: ${quotas.managedPolicyChars}`);
    }
    if (own.length >= quotas.policies) {
      throw awsError("LimitExceeded", `Cannot exceed quota for PoliciesPerAccount: ${quotas.policies}`);
    }
    const policy: ManagedPolicy = {
      name: input.PolicyName,
      path: input.Path,
      id: uniqueId("ANPA"),
      arn: account.arn("policy", input.Path, input.PolicyName),
      createdAtMs: nowMs,
      visibleAtMs: visibleAtMs(),
      policy: parsed,
      description: input.Description,
      tags: input.Tags,
      attachmentCount: 0,
      boundaryCount: 0,
    };
    account.policies.set(policy.arn, policy);
    return { Policy: { ...describePolicy(policy), Tags: describeTags(policy.tags) } };
  },
});

const getPolicy = defineAction({
  service: "iam",
  name: "GetPolicy",
  fields: { PolicyArn: arn },
  target: policyTarget,
  run: ({ account, input }) => {
    const policy = account.policy(input.PolicyArn);
    return {
      Policy: {
        ...describePolicy(policy),
        Description: policy.description,
        Tags: describeTags(policy.tags),
      },
    };
  },
});

const getPolicyVersion = defineAction({
  service: "iam",
  name: "GetPolicyVersion",
  fields: { PolicyArn: arn, VersionId: text({ maxChars: 32, pattern: /^v[1-9][0-9]*(\.[A-Za-z0-9-]*)?$/ }) },
  target: ({ account, input }) => ({
    arn: input.PolicyArn,
    tags: account.findPolicy(input.PolicyArn)?.tags,
  }),
  run: ({ account, input }) => {
    const policy = account.policy(input.PolicyArn);
    if (input.VersionId !== onlyVersion) {
      const sentence = `Policy ${input.PolicyArn} version ${input.VersionId} does not exist or is not attachable.`;
      throw awsError("NoSuchEntity", sentence);
    }
    return {
      PolicyVersion: {
        Document: encodedDocument(policy.policy.text),
        VersionId: onlyVersion,
        IsDefaultVersion: true,
        CreateDate: isoTime(policy.createdAtMs),
      },
    };
  },
});

const deletePolicy = defineAction({
  service: "iam",
  name: "DeletePolicy",
  fields: { PolicyArn: arn },
  target: policyTarget,
  run: ({ account, input }) => {
    const policy = account.policy(input.PolicyArn);
    if (isOfAws(policy)) {
      throw awsError("AccessDenied", `Policy ${policy.arn} is owned by AWS and cannot be deleted.`);
    }
    if (policy.attachmentCount > 0 || policy.boundaryCount > 0) {
      throw awsError("DeleteConflict", "Cannot delete a policy attached to entities.");
    }
    account.policies.delete(policy.arn);
    return undefined;
  },
});

const listPolicies = defineAction({
  service: "iam",
  name: "ListPolicies",
  fields: {
    Scope: optional(oneOf(["All", "AWS", "Local"])),
    OnlyAttached: flag,
    PathPrefix: pathPrefix,
    PolicyUsageFilter: optional(oneOf(["PermissionsPolicy", "PermissionsBoundary"])),
    ...pageFields,
  },
  target: ({ account, input }) => ({ arn: account.arn("policy", input.PathPrefix, "") }),
  run: ({ account, input, nowMs }) => {
    const { Scope = "All", OnlyAttached, PathPrefix, PolicyUsageFilter } = input;
    const isListed = (policy: ManagedPolicy) =>
      policy.visibleAtMs <= nowMs &&
      policy.path.startsWith(PathPrefix) &&
      (Scope === "All" || isOfAws(policy) === (Scope === "AWS")) &&
      (!OnlyAttached || policy.attachmentCount > 0 || policy.boundaryCount > 0) &&
      (PolicyUsageFilter !== "PermissionsPolicy" || policy.attachmentCount > 0) &&
      (PolicyUsageFilter !== "PermissionsBoundary" || policy.boundaryCount > 0);
    return page({
      field: "Policies",
      entries: [...account.policies.values()].filter(isListed),
      keyOf: (policy) => policy.arn,
      show: describePolicy,
      input,
    });
  },
});

/** The actions on managed policies. */
export const managedPolicyActions = [createPolicy, getPolicy, getPolicyVersion, deletePolicy, listPolicies];
