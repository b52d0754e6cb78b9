/** A time as policies and tags show it: ISO 8601 in UTC, in whole seconds, rounded up so that nothing ends early. */
export function awsTime(ms: number): string {
  return new Date(Math.ceil(ms / 1000) * 1000).toISOString().replace(".000Z", "Z");
}
