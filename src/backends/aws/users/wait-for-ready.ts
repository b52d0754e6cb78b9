import { waitUntilMs } from "../../../core/answer-time.ts";
import type { Created } from "../../../core/backend.ts";
import { type Clock, startTimeout } from "../../../core/clock.ts";
import type { JsonObject } from "../../../core/json.ts";
import { isAwsFailure } from "../aws-failure.ts";
import type { Iam, IamSettings, NewAccessKey } from "../iam.ts";
import { throwIfStopped } from "../resend.ts";

/** Asks AWS once whether it knows a key; false also where it gives no answer. */
export type KeyProbe = (key: NewAccessKey, signal: AbortSignal) => Promise<boolean>;

/**
 * Makes the probe of new keys: GetCallerIdentity, which needs no permission, signed with the key. Undefined where the mount has no
 * STS to ask. Every probe takes a connection of its own, so that they reach more than one of the hosts behind the endpoint.
 */
export function keyProbeOf(
  settings: IamSettings,
  connect: (settings: IamSettings) => Iam,
): KeyProbe | undefined {
  if (settings.stsEndpoint === undefined && settings.iamEndpoint !== undefined) return undefined;
  return async (key, signal) => {
    const iam = connect({ ...settings, accessKey: key.id, secretKey: key.secret, sessionToken: undefined });
    try {
      return (await iam.accountId({ signal })) !== undefined;
    } catch (error) {
      if (!isAwsFailure(error)) throw error;
      return false;
    } finally {
      iam.close();
    }
  };
}

const notReady =
  "AWS does not know the new key everywhere yet, and there was no time to wait for longer. It is the right key: use it again in some seconds.";

/** What the caller is told of a new key; with a probe, after AWS has come to know it or the time is over. */
export async function tellKey(
  key: NewAccessKey,
  context: ReadyContext & { readonly probe: KeyProbe | undefined },
): Promise<Pick<Created<JsonObject>, "secret" | "warnings">> {
  const { probe } = context;
  const secret = { access_key: key.id, secret_key: key.secret };
  if (probe === undefined) return { secret };
  const ready = await waitForReady(key, { ...context, probe });
  return { secret: { ...secret, ready }, ...(ready ? {} : { warnings: [notReady] }) };
}

/** How long a key may be waited for. */
export interface ReadyContext {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** When `signal` aborts at the latest, by the clock. */
  readonly endsAtMs?: number | undefined;
}

/** How often in a row a key must have been known. */
const answersInRow = 3;
/** Pauses between probes, in milliseconds: short between good answers, growing between bad ones. */
const againMs = 200;
const pauseMsFirst = 500;
const pauseMsMax = 2000;
/** Longest wait where nobody says how long it may be; a key takes some 15 seconds at most as a rule. */
const waitMsMax = 60_000;

/**
 * Waits until AWS has known a new key several times in a row, and says whether it has come to that in time.
 *
 * It is done while the secret is being made, before the lease is activated: the secret leaves only with an active lease, and a caller
 * who hangs up while waiting, like a server that dies, leaves a lease that is `issuing` and is revoked like any other. So
 * the wait has the limit that making has, and the caller's: it ends a second before either is over, early enough to activate the lease
 * and to answer, with a key that is good but perhaps not yet known everywhere. No probe proves that it is.
 */
export async function waitForReady(
  key: NewAccessKey,
  context: ReadyContext & { readonly probe: KeyProbe },
): Promise<boolean> {
  const { probe, clock, signal, endsAtMs } = context;
  const untilMs = Math.min(waitUntilMs(endsAtMs ?? Number.POSITIVE_INFINITY), clock.nowMs() + waitMsMax);
  const limit = startTimeout(clock, Math.max(0, untilMs - clock.nowMs()));
  const probing = AbortSignal.any([signal, limit.signal]);
  try {
    let inRow = 0;
    let pauseMs = pauseMsFirst;
    while (clock.nowMs() < untilMs) {
      const isKnown = await probe(key, probing);
      throwIfStopped(signal);
      inRow = isKnown ? inRow + 1 : 0;
      if (inRow === answersInRow) return true;
      await clock.sleep(isKnown ? againMs : pauseMs, probing);
      if (!isKnown) pauseMs = Math.min(2 * pauseMs, pauseMsMax);
    }
    throwIfStopped(signal);
    return false;
  } finally {
    limit.stop();
  }
}
