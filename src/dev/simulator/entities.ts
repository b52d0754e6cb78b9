import type { Policy } from "./policy/policy.ts";

/** A tag; keys differ by more than case, values are free. */
export interface Tag {
  readonly key: string;
  readonly value: string;
}

/** Tags by their key in lower case. */
export type Tags = Map<string, Tag>;

/** What every named thing of an account has. */
export interface Entity {
  name: string;
  path: string;
  readonly id: string;
  readonly createdAtMs: number;
  /** Until then every call but its creator's answers that there is no such thing. */
  readonly visibleAtMs: number;
}

/** Something policies are put on or attached to. */
export interface PolicyHolder extends Entity {
  readonly inlinePolicies: Map<string, Policy>;
  /** ARNs of managed policies. */
  readonly attachedPolicies: Set<string>;
}

/** A long-lived access key of a user. */
export interface AccessKey {
  readonly id: string;
  readonly secret: string;
  status: "Active" | "Inactive";
  readonly createdAtMs: number;
  readonly visibleAtMs: number;
  lastUsed: { atMs: number; service: string; region: string } | undefined;
}

/** A signing certificate, an SSH public key or a service-specific credential: things that stop a user's deletion. */
export interface UserCredential {
  readonly id: string;
  readonly createdAtMs: number;
  /** The certificate or key as uploaded, or the name of the service. */
  readonly body: string;
}

/** An IAM user. */
export interface User extends PolicyHolder {
  readonly tags: Tags;
  boundaryArn: string | undefined;
  /** Names of groups, in lower case. */
  readonly groups: Set<string>;
  readonly accessKeys: Map<string, AccessKey>;
  loginProfile: { createdAtMs: number; mustReset: boolean } | undefined;
  readonly signingCertificates: Map<string, UserCredential>;
  readonly sshPublicKeys: Map<string, UserCredential>;
  readonly serviceCredentials: Map<string, UserCredential>;
  /** Serial numbers of the MFA devices that are enabled for it. */
  readonly mfaDevices: Set<string>;
}

/** A group of users. */
export interface Group extends PolicyHolder {
  /** Ids of users, which outlast a rename. */
  readonly memberIds: Set<string>;
}

/** An IAM role. */
export interface Role extends PolicyHolder {
  trust: Policy;
  readonly description: string | undefined;
  readonly maxSessionSeconds: number;
  readonly tags: Tags;
  boundaryArn: string | undefined;
}

/** A managed policy, of the account or of AWS. */
export interface ManagedPolicy extends Entity {
  readonly arn: string;
  readonly policy: Policy;
  readonly description: string | undefined;
  readonly tags: Tags;
  attachmentCount: number;
  boundaryCount: number;
}

/** A virtual MFA device. */
export interface MfaDevice {
  readonly serialNumber: string;
  /** Thirty-two random bytes, in base 64. */
  readonly seed: string;
  readonly tags: Tags;
  userId: string | undefined;
  enabledAtMs: number | undefined;
}

/** Temporary credentials that STS handed out; they cannot be deleted and end by themselves. */
export interface Session {
  readonly kind: "assumed-role" | "federated-user" | "session-token";
  readonly accessKeyId: string;
  readonly secret: string;
  readonly token: string;
  /** The session or federation name; empty for GetSessionToken. */
  readonly name: string;
  /** The id of the role or user whose permissions it has. */
  readonly ownerId: string;
  readonly policies: readonly Policy[] | undefined;
  readonly policyArns: readonly string[];
  readonly tags: Tags;
  readonly hasMfa: boolean;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
}
