import type { UserHandle } from "./user-handle.ts";

/**
 * A handle as the core keeps it with the lease. A million leases lie in memory, so what every handle has is one text,
 * and the rest has short names.
 */
export type StoredHandle = {
  /** User, account, key, time and flags, each without what nearly all have in common; what is missing at the end is cut off. */
  readonly u: string;
  readonly path?: string;
  readonly root?: string;
  readonly arns?: readonly string[];
  readonly groups?: readonly string[];
  readonly old?: string;
  readonly guardGraceMs?: number;
};

const userPrefix = "leasehold-";
const keyPrefix = "AKIA";
const accountDigits = 12;
/** Of numbers that are written as text. */
const base = 36;
/** Of no user name, account or key: what stands before one that lacks its usual form. */
const unusual = "/";
const managedArn = "arn:aws:iam::aws:policy/";
const anyArn = "arn:aws:iam::";

/** The flags of a handle, a letter each. Most roles have a document, so it is told where there is none. */
const flags = { noDocument: "n", unlisted: "x", unguarded: "g", sent: "s" } as const;

const cut = (text: string | undefined, prefix: string): string => {
  if (text === undefined) return "";
  return text.startsWith(prefix) && text !== prefix ? text.slice(prefix.length) : unusual + text;
};

const uncut = (text: string, prefix: string): string =>
  text.startsWith(unusual) ? text.slice(unusual.length) : prefix + text;

function packAccount(account: string | undefined): string {
  if (account === undefined) return "";
  const isUsual = account.length === accountDigits && /^\d+$/.test(account);
  return isUsual ? Number(account).toString(base) : unusual + account;
}

const unpackAccount = (text: string): string =>
  text.startsWith(unusual)
    ? text.slice(unusual.length)
    : String(Number.parseInt(text, base)).padStart(accountDigits, "0");

// An ARN begins with neither of the two characters.
function packArn(arn: string): string {
  if (arn.startsWith(managedArn)) return `/${arn.slice(managedArn.length)}`;
  return arn.startsWith(anyArn) ? `:${arn.slice(anyArn.length)}` : arn;
}

function unpackArn(text: string): string {
  if (text.startsWith("/")) return managedArn + text.slice(1);
  return text.startsWith(":") ? anyArn + text.slice(1) : text;
}

/** Packs a handle for the core. */
export function packHandle(handle: UserHandle): StoredHandle {
  const { user, account, key, guardedToMs, document, unlisted, unguarded, sent, arns, ...rest } = handle;
  const flagged = [
    document === undefined ? flags.noDocument : "",
    unlisted === undefined ? "" : flags.unlisted,
    unguarded === undefined ? "" : flags.unguarded,
    sent === undefined ? "" : flags.sent,
  ].join("");
  const parts = [
    cut(user, userPrefix),
    packAccount(account),
    cut(key, keyPrefix),
    guardedToMs?.toString(base) ?? "",
    flagged,
  ];
  return {
    u: parts.join(" ").trimEnd(),
    ...rest,
    ...(arns === undefined ? {} : { arns: arns.map(packArn) }),
  };
}

/** Unpacks what `packHandle` made; takes a handle as it is. */
export function unpackHandle(stored: StoredHandle | UserHandle): UserHandle {
  if ("user" in stored) return stored;
  const { u, arns, ...rest } = stored;
  const [user = "", account = "", key = "", guardedTo = "", flagged = ""] = u.split(" ");
  return {
    user: uncut(user, userPrefix),
    ...(account === "" ? {} : { account: unpackAccount(account) }),
    ...(flagged.includes(flags.noDocument) ? {} : { document: 1 }),
    ...(flagged.includes(flags.unlisted) ? { unlisted: 1 } : {}),
    ...(flagged.includes(flags.unguarded) ? { unguarded: 1 } : {}),
    ...(flagged.includes(flags.sent) ? { sent: 1 } : {}),
    ...(key === "" ? {} : { key: uncut(key, keyPrefix) }),
    ...(guardedTo === "" ? {} : { guardedToMs: Number.parseInt(guardedTo, base) }),
    ...rest,
    ...(arns === undefined ? {} : { arns: arns.map(unpackArn) }),
  };
}
