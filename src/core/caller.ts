/** Who sends a request, once the token was checked. */
export interface Caller {
  /** Stable id, stored with the leases the caller makes. */
  readonly id: string;
  /** Name for people. */
  readonly name: string;
}
