/** Longest name of a role's session. Source: API reference of AssumeRole, `RoleSessionName`. */
export const sessionNameLengthMax = 64;

/** Longest name of a federated user. Source: API reference of GetFederationToken, `Name`. */
export const federationNameLengthMax = 32;

/** Digits of the lease's UUID that tell a session from others of its role: 48 bits. */
const leaseDigits = 12;

/** How many characters the digits of the lease add to a name. */
export const leaseSuffixLength = leaseDigits + 1;

const prefix = "leasehold-";

/**
 * Names the session of a lease: `leasehold-<role>-<12 digits of the UUID>`, at most `lengthMax` characters. A long role
 * is cut. It is the same for the same lease, and shows a person the role and the lease.
 */
export function sessionNameOf(role: string, leaseUuid: string, lengthMax: number): string {
  const shownRole = role.replace(/[^\w+=,.@-]/g, "_").slice(0, lengthMax - prefix.length - leaseSuffixLength);
  return withLease(`${prefix}${shownRole}`, leaseUuid);
}

/** Makes a name that somebody has chosen the name of one lease alone. Throws for anything but a UUID. */
export function withLease(name: string, leaseUuid: string): string {
  const digits = leaseUuid.replaceAll("-", "").toLowerCase();
  if (!/^[0-9a-f]{32}$/.test(digits)) throw new Error(`${JSON.stringify(leaseUuid)} is not a UUID.`);
  // The end of the UUID is random throughout.
  return `${name}-${digits.slice(-leaseDigits)}`;
}
