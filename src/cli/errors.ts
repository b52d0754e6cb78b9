/** A command line that cannot be understood: exit code 2. The message is a sentence without a full stop. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  /** A line on how it is done right; undefined where the message says it all. */
  readonly hint: string | undefined;

  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}

/** What is known of a failure besides its message. */
export type Facts = {
  /** What was to be done, as in "Error reading aws/config/root". */
  doing: string;
  /** The RPC: `leasehold.v1.SecretService/Read`. */
  rpc: string;
  /** gRPC status code in lower case: `not_found`. */
  code: string;
  /** Name of the reason from the error's detail, `NO_SUCH_ROLE`; undefined where the server sent none. */
  reason: string | undefined;
  /** Facts from the error's detail, by name. */
  metadata: Readonly<Record<string, string>>;
};

/** A call that failed: exit code 1. The message is the server's, or says what happened on the way. */
export class CallError extends Error {
  override readonly name = "CallError";
  readonly facts: Facts;

  constructor(message: string, facts: Facts) {
    super(message);
    this.facts = facts;
  }
}

/** A command that was carried out and did not reach its end: exit code 1. The message continues the word "Error". */
export class UnfinishedError extends Error {
  override readonly name = "UnfinishedError";
}
