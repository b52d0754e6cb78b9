import { type Clock, startTimeout } from "../../../core/clock.ts";
import { CoreError } from "../../../core/errors.ts";
import { type AwsFailure, isAwsFailure } from "../aws-failure.ts";
import { textAt } from "../query-xml.ts";
import type { TrialRoot } from "../root-access.ts";

/** Whose credentials AWS says that some are; each part undefined where it cannot be told. */
export interface RootIdentity {
  readonly account: string | undefined;
  readonly arn: string | undefined;
}

/** Longest wait for AWS, in milliseconds: somebody waits for the answer to a write. */
const identifyTimeoutMs = 10_000;

/** What AWS answers to wrong credentials. */
const wrongKeyCodes: ReadonlySet<string> = new Set([
  "InvalidClientTokenId",
  "SignatureDoesNotMatch",
  "IncompleteSignature",
  "InvalidAccessKeyId",
  "ExpiredToken",
  "RequestExpired",
]);

/**
 * Asks AWS whose credentials some are: `GetCallerIdentity`, which needs no permission. Where there is no STS, IAM is asked for the
 * user, whom it may refuse to tell: that AWS takes the signature is what counts. Rejects with `BACKEND_REFUSED` where AWS does not
 * take them, and with `BACKEND_UNAVAILABLE` where it cannot be asked.
 */
export async function identifyRoot(
  root: TrialRoot,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<RootIdentity> {
  const limit = startTimeout(clock, identifyTimeoutMs);
  const within = AbortSignal.any([signal, limit.signal]);
  try {
    return await ask(root, within).catch((error: unknown) => {
      // The first refusal tells the client how far this server's clock is off.
      const isSkew = isAwsFailure(error) && /SignatureDoesNotMatch|RequestExpired/.test(error.code);
      if (!isSkew || within.aborted) throw error;
      return ask(root, within);
    });
  } catch (error) {
    throw isAwsFailure(error) ? notStored(error) : error;
  } finally {
    limit.stop();
  }
}

async function ask({ iam, query, hasSts }: TrialRoot, signal: AbortSignal): Promise<RootIdentity> {
  if (query === undefined) return { account: await iam.accountId({ signal }), arn: undefined };
  if (hasSts) {
    const identity = await query({ service: "sts", action: "GetCallerIdentity", signal });
    return { account: textAt(identity, "Account"), arn: textAt(identity, "Arn") };
  }
  try {
    const user = await query({ service: "iam", action: "GetUser", signal });
    return { account: undefined, arn: textAt(user, "User", "Arn") };
  } catch (error) {
    const isTaken =
      isAwsFailure(error, "refused", "absent", "exists", "conflict") && !wrongKeyCodes.has(error.code);
    if (isTaken) return { account: undefined, arn: undefined };
    throw error;
  }
}

function notStored(failure: AwsFailure): CoreError {
  const said = `${failure.code}: ${failure.message.replace(/[.!?]*$/, ".")}`;
  const requestId = failure.requestId === undefined ? {} : { aws_request_id: failure.requestId };
  const options = { details: { aws_code: failure.code, ...requestId }, cause: failure };
  const skip = "validate=false stores what is given without asking AWS.";
  if (failure.kind === "unknown" || failure.kind === "throttled" || failure.kind === "unsent") {
    return new CoreError(
      "BACKEND_UNAVAILABLE",
      `Nothing was stored: AWS could not be asked whether it accepts the root credentials (${said}) Check region and endpoints, and try again; ${skip}`,
      options,
    );
  }
  return new CoreError(
    "BACKEND_REFUSED",
    `Nothing was stored: AWS does not accept the root credentials (${said}) Check access_key and secret_key; a new key works only after some seconds. ${skip}`,
    options,
  );
}
