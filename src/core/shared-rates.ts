/** A server's request for grants to call a vendor. */
export interface RateRequest {
  /** What is limited, such as an account's writes: one rate each. */
  readonly subject: string;
  /** Name of the server that asks. */
  readonly server: string;
  /** Calls that wait, by class, the most urgent class first. */
  readonly wants: readonly number[];
  /** How many calls the vendor has throttled since this server asked last, of those that had a grant; 1 for the first ones, which had none. */
  readonly throttled: number;
  /** Calls of this server that went through in the last second without a grant; 0 once it takes them by grants. */
  readonly passedPerSecond: number;
}

/** What a server gets. */
export type RateAnswer =
  | { readonly isLimited: false }
  | {
      readonly isLimited: true;
      /** The rate of all servers together, in calls a second. */
      readonly perSecond: number;
      /** Calls that may be sent now, by class. */
      readonly grants: readonly number[];
      /** Classes that get nothing, or their reserve alone, because more urgent calls wait somewhere. */
      readonly isHeldBack: readonly boolean[];
      /** When to ask again, in milliseconds. */
      readonly waitMs: number;
    };

/**
 * Rates at which a vendor is called, found out and shared by all servers. Nothing is limited until a server says that it was
 * throttled. A class gets nothing while one before it does not get what it asks for; only the last class keeps a share
 * of its own. Rejects with `STORAGE_UNAVAILABLE`.
 */
export interface SharedRates {
  take(request: RateRequest): Promise<RateAnswer>;
}
