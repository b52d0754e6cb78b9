/** A vendor's token bucket: so many calls a second, and as many at once after a pause. */
export interface CallBucket {
  /** Takes a call, or answers false where there are too many. */
  take(): boolean;
  perSecond: number;
  readonly taken: number;
  readonly refused: number;
}

/** Makes a full bucket. */
export function createCallBucket(nowMs: () => number, perSecond: number): CallBucket {
  let tokens = perSecond;
  let atMs = nowMs();
  const bucket = {
    perSecond,
    taken: 0,
    refused: 0,
    take() {
      tokens = Math.min(bucket.perSecond, tokens + ((nowMs() - atMs) * bucket.perSecond) / 1000);
      atMs = nowMs();
      if (tokens < 1) {
        bucket.refused += 1;
        return false;
      }
      tokens -= 1;
      bucket.taken += 1;
      return true;
    },
  };
  return bucket;
}
