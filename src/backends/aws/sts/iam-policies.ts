/** The policies of a group of IAM. */
export interface GroupPolicies {
  /** Inline policies, as JSON text. */
  readonly documents: readonly string[];
  /** ARNs of the managed policies that are attached. */
  readonly arns: readonly string[];
}

interface OnRolePolicy {
  /** Name of the role at AWS, without its path. It is one of the account of the root credentials. */
  readonly role: string;
  readonly policy: string;
  /** Aborting it abandons the call; whether AWS did it is then unknown. */
  readonly signal: AbortSignal;
}

/** The calls to IAM that sessions need, each sent exactly once. Every call rejects with `AwsFailure` and nothing else. */
export interface IamPolicies {
  /** All policies of a group, every page of them. */
  readGroup(call: { readonly group: string; readonly signal: AbortSignal }): Promise<GroupPolicies>;
  /** Writes an inline policy of a role, whatever was there under its name. */
  putRolePolicy(call: OnRolePolicy & { readonly document: string }): Promise<void>;
  /** Reads an inline policy of a role as JSON text. */
  getRolePolicy(call: OnRolePolicy): Promise<string>;
  /** Rejects with kind `absent` where the policy or the role is not there. */
  deleteRolePolicy(call: OnRolePolicy): Promise<void>;
}
