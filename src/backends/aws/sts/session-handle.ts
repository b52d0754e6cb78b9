/** What a revocation needs to know about a session. It is stored with every lease, and so is kept short. */
export type SessionHandle = {
  /** Name of the session. One that can be cut off has it alone among all sessions of its AWS role. */
  readonly session: string;
  /** ARN of the AWS role that was assumed. */
  readonly arn?: string;
  /** A revocation cuts the session off. */
  readonly cut?: 1;
  /** AWS's own end of the session, in milliseconds since 1970, once it was made. */
  readonly endsAtMs?: number;
};
