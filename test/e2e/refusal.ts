import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorDetailSchema, type ErrorReason, ErrorReasonSchema } from "../../gen/leasehold/v1/errors_pb.ts";

/** How a call was refused, in words. */
export interface Refusal {
  /** Name of the status code: `NotFound`. */
  readonly code: string;
  /** Name of the reason: `NO_SUCH_ROLE`; those of all details, in the order they came, where there is not exactly one. */
  readonly reason: string;
  readonly message: string;
  readonly metadata: Readonly<Record<string, string>>;
}

const nameOf = (reason: ErrorReason): string =>
  ErrorReasonSchema.value[reason]?.name.replace("ERROR_REASON_", "") ?? String(reason);

/** Words an error of the Connect clients, whatever it was made of. */
export function wordRefusal(thrown: unknown): Refusal {
  const error = ConnectError.from(thrown);
  const details = error.findDetails(ErrorDetailSchema);
  return {
    code: Code[error.code],
    reason: details.map(({ reason }) => nameOf(reason)).join(" and "),
    message: error.rawMessage,
    metadata: details[0]?.metadata ?? {},
  };
}

/** How a call that must fail was refused. Rejects where it succeeded. */
export async function refusalOf(call: Promise<unknown>): Promise<Refusal> {
  try {
    await call;
  } catch (thrown) {
    return wordRefusal(thrown);
  }
  throw new Error("The call succeeded.");
}
