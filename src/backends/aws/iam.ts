/** Tags by key. */
export type Tags = Readonly<Record<string, string>>;

/** Kinds of things that a user has, all of which must be gone before the user can be deleted. */
export type Belonging =
  | "accessKey"
  | "inlinePolicy"
  | "attachedPolicy"
  | "group"
  | "loginProfile"
  | "signingCertificate"
  | "sshPublicKey"
  | "serviceCredential"
  | "mfaDevice";

/** Every kind of belonging, the access keys first. */
export const belongings: readonly Belonging[] = [
  "accessKey",
  "inlinePolicy",
  "attachedPolicy",
  "group",
  "loginProfile",
  "signingCertificate",
  "sshPublicKey",
  "serviceCredential",
  "mfaDevice",
];

/** A user that exists, as far as a revocation needs to know it. */
export interface ExistingUser {
  readonly path: string;
  readonly tags: Tags;
}

/** A user as a list shows it, without its tags. */
export interface ListedUser {
  readonly user: string;
  readonly path: string;
}

/** A new access key; the only time that AWS tells the secret. */
export interface NewAccessKey {
  readonly id: string;
  readonly secret: string;
}

interface OnUser {
  readonly user: string;
  /** Aborting it abandons the call; whether AWS did it is then unknown. */
  readonly signal: AbortSignal;
}

/**
 * The calls to AWS that leased users need, each sent exactly once: sending
 * again is decided by those who know what a lost reply means. Every call
 * rejects with `AwsFailure` and nothing else. Names are user names.
 */
export interface Iam {
  /** The account of the root key; undefined where the endpoint has no STS. */
  accountId(call: { readonly signal: AbortSignal }): Promise<string | undefined>;
  /** Creates a user with its tags in one step, so that there is never one without. */
  createUser(
    call: OnUser & {
      readonly path: string;
      readonly tags: Tags;
      readonly boundaryArn: string | undefined;
    },
  ): Promise<void>;
  getUser(call: OnUser): Promise<ExistingUser>;
  /** All users whose path begins with a prefix, every page of them. */
  listUsers(call: {
    readonly pathPrefix: string;
    readonly signal: AbortSignal;
  }): Promise<readonly ListedUser[]>;
  /** Rejects with kind `conflict` while the user has belongings. */
  deleteUser(call: OnUser): Promise<void>;
  tagUser(call: OnUser & { readonly tags: Tags }): Promise<void>;
  /** Writes an inline policy, whatever was there under its name. */
  putInlinePolicy(call: OnUser & { readonly policy: string; readonly document: string }): Promise<void>;
  /** Reads an inline policy as JSON text. */
  getInlinePolicy(call: OnUser & { readonly policy: string }): Promise<string>;
  attachPolicy(call: OnUser & { readonly arn: string }): Promise<void>;
  addToGroup(call: OnUser & { readonly group: string }): Promise<void>;
  createAccessKey(call: OnUser): Promise<NewAccessKey>;
  /** Ids or names of all belongings of a kind, every page of them. */
  list(call: OnUser & { readonly belonging: Belonging }): Promise<readonly string[]>;
  /** Takes one belonging away. Rejects with kind `absent` where it or the user is not there. */
  remove(call: OnUser & { readonly belonging: Belonging; readonly id: string }): Promise<void>;
  /** Closes idle connections once nothing is in flight. The client goes on working. */
  close(): void;
}

/** What a client for AWS is made from. Nothing else is looked up: no environment, no profile, no instance metadata. */
export interface IamSettings {
  readonly accessKey: string;
  readonly secretKey: string;
  /** Goes with temporary credentials; undefined for those of a user. */
  readonly sessionToken: string | undefined;
  readonly region: string;
  /** URL of IAM; AWS's own where undefined. */
  readonly iamEndpoint: string | undefined;
  /** URL of STS. Where only IAM's is set there is no STS: the key is never shown to an endpoint it was not meant for. */
  readonly stsEndpoint: string | undefined;
}
