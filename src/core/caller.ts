/** Who sends a request, once the token was checked. */
export interface Caller {
  /** Stable id, stored with the leases the caller makes: the accessor of its token, or `root`. */
  readonly id: string;
  /** Name for people. */
  readonly name: string;
  /** Names of the policies that say what the caller may do; `root` allows everything. */
  readonly policies: readonly string[];
  /** What the login said about the caller, by name; empty where it did not log in. */
  readonly metadata: Readonly<Record<string, string>>;
  /**
   * Tells whether the token is still good, asking the storage: what is made for a caller while its token is being revoked must
   * not outlive it. Absent for a caller whose token never ends.
   */
  readonly isStillGood?: () => Promise<boolean>;
}

/** Name of the policy that allows everything. */
export const rootPolicyName = "root";

/** Whoever has not logged in yet: it has no name and no policy. */
export const stranger: Caller = { id: "stranger", name: "stranger", policies: [], metadata: {} };
