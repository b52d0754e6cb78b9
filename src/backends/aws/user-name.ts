const prefix = "leasehold-";
const leaseDigits = 32;
/** IAM's limit for user names (64), less the prefix, the digits of the lease and a dash. */
const roleLengthMax = 64 - prefix.length - leaseDigits - 1;

/**
 * Names the user of a lease: `leasehold-<role>-<uuid without dashes>`. It is
 * the same for the same lease, never the same for two, and shows a person the
 * role and the lease. A long role is cut. Throws for anything but a UUID.
 */
export function userNameOf(role: string, leaseUuid: string): string {
  const digits = leaseUuid.replaceAll("-", "").toLowerCase();
  if (!/^[0-9a-f]{32}$/.test(digits)) throw new Error(`${JSON.stringify(leaseUuid)} is not a UUID.`);
  const shownRole = role.replace(/[^\w+=,.@-]/g, "_").slice(0, roleLengthMax);
  return `${prefix}${shownRole}-${digits}`;
}

/** The UUID of the lease that a user was named for. */
export function leaseUuidOf(userName: string): string {
  const digits = userName.slice(-leaseDigits);
  return [
    digits.slice(0, 8),
    digits.slice(8, 12),
    digits.slice(12, 16),
    digits.slice(16, 20),
    digits.slice(20),
  ].join("-");
}
