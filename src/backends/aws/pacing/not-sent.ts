import { AwsFailure } from "../aws-failure.ts";

/** Why a call was not sent: its turn did not come in time, or the endpoint is known to be away. */
export type NotSentReason = "paced" | "away";

/** A call that was not sent, so that AWS has certainly not done it. The message is for whoever asked. */
export class NotSent extends AwsFailure {
  readonly reason: NotSentReason;

  constructor(reason: NotSentReason, options: { readonly message: string; readonly retryAfterMs: number }) {
    const { message, retryAfterMs } = options;
    const code = reason === "paced" ? "NotSentForRate" : "NotSentForOutage";
    super("unsent", code, { message, retryAfterMs: Math.ceil(retryAfterMs) });
    this.name = "NotSent";
    this.reason = reason;
  }
}
