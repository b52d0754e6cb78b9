/** How much of everything an account may hold. */
export interface Quotas {
  readonly users: number;
  readonly groups: number;
  readonly roles: number;
  readonly policies: number;
  readonly accessKeysPerUser: number;
  readonly groupsPerUser: number;
  readonly attachedPolicies: number;
  readonly tags: number;
  readonly userInlineChars: number;
  readonly groupInlineChars: number;
  readonly roleInlineChars: number;
  readonly managedPolicyChars: number;
  readonly signingCertificatesPerUser: number;
  readonly sshPublicKeysPerUser: number;
  readonly serviceCredentialsPerService: number;
  readonly mfaDevicesPerUser: number;
}

/** AWS's defaults. Source: IAM User Guide, "IAM and AWS STS quotas". */
export const awsQuotas: Quotas = {
  users: 5000,
  groups: 300,
  roles: 1000,
  policies: 1500,
  accessKeysPerUser: 2,
  groupsPerUser: 10,
  attachedPolicies: 10,
  tags: 50,
  userInlineChars: 2048,
  groupInlineChars: 5120,
  roleInlineChars: 10_240,
  managedPolicyChars: 6144,
  signingCertificatesPerUser: 2,
  sshPublicKeysPerUser: 5,
  serviceCredentialsPerService: 2,
  mfaDevicesPerUser: 8,
};
