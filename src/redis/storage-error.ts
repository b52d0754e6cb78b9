import { CoreError } from "../core/errors.ts";

/** What each kind of refusal means, and what an operator does about it; by the first word of Redis's message. */
const refusals: Readonly<Record<string, string>> = {
  OOM: "Redis is full. Give it more memory; what is revoked makes room, too.",
  READONLY: "Redis takes no writes: it is a replica. Connect to the primary.",
  LOADING: "Redis is still loading its data. Try again in a moment.",
  MISCONF: "Redis takes no writes, since it cannot save to its disk. Look at its log.",
  NOAUTH: "Redis asks for a password. Put it into the Redis URL.",
  WRONGPASS: "Redis refuses the user name or password. Correct them in the Redis URL.",
  NOPERM: "Redis does not let this user do that. Extend the user's ACL.",
  NOREPLICAS: "Redis takes no writes without its replicas. Look at the replicas.",
  CLUSTERDOWN: "The Redis cluster is down. Try again when it is up.",
  TRYAGAIN: "The Redis cluster is moving this mount to another node. Try again in a moment.",
  MOVED: "The Redis cluster keeps this mount on another node. Try again in a moment.",
  ASK: "The Redis cluster is moving this mount to another node. Try again in a moment.",
  BUSY: "Redis is busy with a script that runs too long. Try again, or look at its log.",
};

const passing = new Set(["TRYAGAIN", "CLUSTERDOWN", "MOVED", "ASK"]);
const causeCharactersMax = 200;
/** What OpenSSL and Node say of a handshake that failed. */
const isTlsTrouble = /certificate|altnames|SSL routines|EPROTO|before secure TLS/i;

/** Says whether Redis refuses for a moment only, and changed nothing. */
export function isPassing(error: unknown): boolean {
  return passing.has(codeOf(error));
}

/** Says whether Redis does not know a script by its name. */
export function isUnknownScript(error: unknown): boolean {
  return codeOf(error) === "NOSCRIPT";
}

/**
 * Makes one `STORAGE_UNAVAILABLE` of whatever went wrong with Redis. It keeps
 * the message alone: errors of the client carry the arguments of the command,
 * the password of AUTH among them.
 */
export function storageUnavailable(error: unknown): CoreError {
  if (error instanceof CoreError) return error;
  const code = codeOf(error);
  const message = messageOf(error);
  const isTimeout = /timed out|ETIMEDOUT/i.test(message);
  const said =
    refusals[code] ??
    (code !== ""
      ? "Redis refuses. Look at the server's log."
      : isTimeout
        ? "Redis does not answer. Try again when it does."
        : isTlsTrouble.test(message)
          ? "The certificate of Redis is not believed, or Redis speaks no TLS. See that it names the host of the Redis URL, and LEASEHOLD_REDIS_CA_FILE its CA."
          : "Redis cannot be reached. Try again when it can.");
  return new CoreError("STORAGE_UNAVAILABLE", said, {
    details: code === "" ? {} : { redis_error: code },
    cause: new Error(message.slice(0, causeCharactersMax)),
  });
}

/** The message of an error of the client, without the credentials that a URL in it may show. */
export function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message
    .replace(/(rediss?(?:\+\w+)?:\/\/)[^@\s/]*@/g, "$1***@")
    .replace(/(sentinel_password=)[^&\s]*/g, "$1***");
}

/** The word that a refusal of Redis begins with; empty for every other error. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error) || error.name !== "ReplyError") return "";
  return /^-?([A-Z]+)\b/.exec(error.message)?.[1] ?? "ERR";
}
