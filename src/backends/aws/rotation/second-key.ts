import { formatDuration } from "../../../core/duration.ts";
import { CoreError } from "../../../core/errors.ts";
import { isAwsFailure } from "../aws-failure.ts";
import type { UserKey, UserKeys } from "./user-keys.ts";

/** The error for a key that stands where the new one would: AWS allows a user two. It says which, how old it is, and when it was used. */
export async function secondKeyError(
  other: UserKey,
  context: {
    /** Completes "Cannot …". */
    readonly doing: string;
    readonly user: string;
    readonly aws: UserKeys;
    readonly nowMs: number;
    readonly signal: AbortSignal;
  },
): Promise<CoreError> {
  const { doing, user, aws, nowMs, signal } = context;
  const about = await describeKey(other, { aws, nowMs, signal });
  return new CoreError(
    "BACKEND_REFUSED",
    `Cannot ${doing}: user "${user}" has a further access key, ${about}, and AWS allows two, so that there is no room for a new one. ` +
      "Delete that key if nothing uses it, and try again.",
    { details: { user, access_key: other.id } },
  );
}

/** A key in words: its id, and what AWS tells of it. */
export async function describeKey(
  { id, createdAtMs }: UserKey,
  { aws, nowMs, signal }: { readonly aws: UserKeys; readonly nowMs: number; readonly signal: AbortSignal },
): Promise<string> {
  const parts: string[] = [];
  if (createdAtMs !== undefined) parts.push(`created ${ago(createdAtMs, nowMs)}`);
  try {
    const usedAtMs = await aws.lastUsedAtMs({ id, signal });
    parts.push(usedAtMs === undefined ? "not known to have been used" : `last used ${ago(usedAtMs, nowMs)}`);
  } catch (error) {
    // It is good to know, and takes a permission of its own.
    if (!isAwsFailure(error)) throw error;
  }
  return parts.length === 0 ? id : `${id} (${parts.join(", ")})`;
}

function ago(atMs: number, nowMs: number): string {
  const ageMs = Math.max(0, nowMs - atMs);
  const days = Math.floor(ageMs / 86_400_000);
  return days > 2 ? `${days} days ago` : `${formatDuration(ageMs)} ago`;
}
