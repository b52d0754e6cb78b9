import { defineAction } from "../action.ts";

const getAccountSummary = defineAction({
  service: "iam",
  name: "GetAccountSummary",
  fields: {},
  target: () => ({ arn: "*" }),
  run: ({ account }) => {
    const { quotas } = account;
    const own = [...account.policies.values()].filter(({ arn }) => !arn.startsWith("arn:aws:iam::aws:"));
    const enabled = [...account.mfaDevices.values()].filter(({ userId }) => userId !== undefined);
    const figures: Record<string, number> = {
      Users: account.users.size,
      UsersQuota: quotas.users,
      Groups: account.groups.size,
      GroupsQuota: quotas.groups,
      Roles: account.roles.size,
      RolesQuota: quotas.roles,
      Policies: own.length,
      PoliciesQuota: quotas.policies,
      PolicySizeQuota: quotas.managedPolicyChars,
      UserPolicySizeQuota: quotas.userInlineChars,
      GroupPolicySizeQuota: quotas.groupInlineChars,
      RolePolicySizeQuota: quotas.roleInlineChars,
      AccessKeysPerUserQuota: quotas.accessKeysPerUser,
      GroupsPerUserQuota: quotas.groupsPerUser,
      AttachedPoliciesPerUserQuota: quotas.attachedPolicies,
      AttachedPoliciesPerGroupQuota: quotas.attachedPolicies,
      AttachedPoliciesPerRoleQuota: quotas.attachedPolicies,
      SigningCertificatesPerUserQuota: quotas.signingCertificatesPerUser,
      MFADevices: account.mfaDevices.size,
      MFADevicesInUse: enabled.length,
      AccountMFAEnabled: 0,
      AccountAccessKeysPresent: 0,
      VersionsPerPolicyQuota: 5,
    };
    return { SummaryMap: new Map(Object.entries(figures)) };
  },
});

/** The actions on the account as a whole. */
export const accountSummaryActions = [getAccountSummary];
