import { CoreError, type ErrorCode } from "../../src/core/errors.ts";
import type { LeaseRef } from "../../src/core/lease.ts";
import type { LeaseView } from "../../src/core/requests.ts";
import { type AwsChange, type AwsUser, guardEndsAtMs } from "./aws-account.ts";
import { refOfLeaseKey } from "./redis-keys.ts";
import type { Process } from "./scheduler.ts";
import { hangingMount } from "./set-up.ts";
import { indexProblem } from "./store-indexes.ts";
import type { World } from "./world.ts";

/** What must hold at every moment of a run, by name. */
export type InvariantName =
  | "every user is named by a stored lease"
  | "no record goes before its user"
  | "nothing ends early"
  | "a told secret works"
  | "the guard never ends a told secret early"
  | "no expiry passes the maximum"
  | "permissions go after the key"
  | "one secret a lease is told"
  | "what is reported as revoked is gone"
  | "what is reported as unmounted is empty"
  | "only documented errors"
  | "no bug in the background"
  | "no promise is left to reject"
  | "counts and indexes agree with the records"
  | "leases end in time"
  | "nothing is revoked before an operator says go"
  | "what is sealed can be opened later"
  | "a watcher hears of every transition"
  | "a watcher hears in order"
  | "a gap is told only where something is missing"
  | "every lease ends";

/** The first thing that did not hold. */
export interface Violation {
  readonly invariant: InvariantName;
  readonly what: string;
}

/** The watch over a run. */
export interface Invariants {
  readonly violation: Violation | undefined;
  violate(invariant: InvariantName, what: string): void;
  /** A server is about to answer with a secret. */
  answering(lease: LeaseView, keyId: string): void;
  /** A caller learns of a lease's expiry. */
  reportedRevoked(id: string): void;
  reportedUnmounted(accessor: string): void;
  failed(operation: string, error: unknown): void;
  failedInBackground(what: string, error: unknown): void;
  checkIndexes(): void;
  /** What is left, in words; undefined where all has ended that can. */
  left(): string | undefined;
  /** How many users without a key or a permission are left that no stored lease names: AWS made them when all was over. */
  strays(): number;
}

const undocumented: ReadonlySet<ErrorCode> = new Set(["INTERNAL"]);
/** Without faults for this long, no back-off is left of them. */
const quietMs = 150_000;
/** How late a lease may end then. */
const lateMsMax = 5000;

/** Begins to watch a world. */
export function createInvariants(world: World): Invariants {
  const { redis, account, ledger, settings, trace, faults, scheduler } = world;
  let violation: Violation | undefined;
  const violate: Invariants["violate"] = (invariant, what) => {
    violation ??= { invariant, what };
    trace.add(`VIOLATION ${invariant}: ${what}`);
  };
  const isExcused = (ref: LeaseRef): boolean => ledger.isTainted(ref.id) || ledger.isAsked(ref.id);

  /**
   * Users that a process made though their lease had ended meanwhile: somebody revoked it while it was being issued, or the
   * process had no time for so long that it did not notice. No caller is told of them, and the process takes them away
   * again; until it has, it alone knows of them.
   */
  const strays = new Map<AwsUser, Process>();
  const isBare = ({ keys, inline, attached }: AwsUser): boolean =>
    keys.size + inline.size + attached.size === 0;
  /** Whether a stray may be left: a bare name, which nobody has on record any more, and which can do nothing. */
  const isLeftAlone = (user: AwsUser): boolean => strays.has(user) && isBare(user);
  /** Whether AWS made a user only after its client had given up on that, sent it again, and deleted the user: a bare name. */
  const isAfterthought = (user: AwsUser): boolean => {
    if (!user.isLate || !isBare(user) || !user.maker) return false;
    strays.set(user, user.maker);
    return true;
  };

  const checkNamed = (user: AwsUser, maker?: Process): void => {
    const ref = ledger.refOf(user);
    if (ref && (ledger.recordOf(ref) || ledger.isOrphan(ref.id) || strays.has(user))) return;
    if (ref && maker && (maker.isAlive || isBare(user))) {
      trace.add(`stray ${user.name}`);
      strays.set(user, maker);
      return;
    }
    violate("every user is named by a stored lease", `user ${user.name} lives, and no stored lease names it`);
  };
  const checkEnd = (user: AwsUser, keyId: string | undefined, what: string): void => {
    const ref = ledger.refOf(user);
    const told = ref && ledger.told.get(ref.id);
    if (!ref || !told || isExcused(ref) || (keyId !== undefined && keyId !== told.keyId)) return;
    const earlyMs = told.expiresAtMs - redis.nowMs();
    if (earlyMs > ledger.clockSlackMs)
      violate("nothing ends early", `${what} of ${ref.id} ${earlyMs} ms before its expiry, and nobody asked`);
    const isQuiet = faults.lastAtMs < scheduler.nowMs() + earlyMs - quietMs;
    if (-earlyMs > lateMsMax && isQuiet && keyId !== undefined && !ref.id.startsWith(`${hangingMount}/`))
      violate("leases end in time", `${what} of ${ref.id} ${-earlyMs} ms after its expiry, without a fault`);
  };
  const checkGuard = (user: AwsUser): void => {
    const ref = ledger.refOf(user);
    const told = ref && ledger.told.get(ref.id);
    if (!ref || !told || isExcused(ref)) return;
    const guardMs = guardEndsAtMs(user);
    if (guardMs === undefined || guardMs >= told.expiresAtMs) return;
    violate(
      "the guard never ends a told secret early",
      `the guard of ${ref.id} denies ${told.expiresAtMs - guardMs} ms before the expiry that its caller knows`,
    );
  };
  const checkPermissions = (user: AwsUser, about: string): void => {
    const ref = ledger.refOf(user);
    const keyId = ref && ledger.told.get(ref.id)?.keyId;
    const hasMore = user.attached.size > 0 || user.groups.size > 0;
    if (keyId !== undefined && user.keys.has(keyId) && about === "inlinePolicy" && hasMore)
      violate("permissions go after the key", `the guard of ${user.name} went while its key was alive`);
  };

  account.onChange(({ kind, user, about, actor }: AwsChange) => {
    if (kind === "user made" || kind === "key made") checkNamed(user, actor);
    if (kind === "key gone") checkEnd(user, about, "the key went");
    if (kind === "user gone") checkEnd(user, undefined, "the user went");
    if (kind === "policy put") checkGuard(user);
    if (kind === "permission gone") {
      checkPermissions(user, about);
      checkEnd(user, undefined, "a permission went");
    }
  });

  const userOf = (ref: LeaseRef): AwsUser | undefined =>
    [...account.users.values()].find((user) => ledger.refOf(user)?.id === ref.id);

  redis.onTransaction(({ name, commands }) => {
    for (const command of commands) {
      const ref = refOfLeaseKey(command.key);
      if (!ref) continue;
      trace.add(`redis ${name} ${ref.id} ${ledger.recordOf(ref)?.state ?? "gone"}`);
      const user = command.kind === "del" ? userOf(ref) : undefined;
      if (user && !isAfterthought(user))
        violate("no record goes before its user", `the record of ${ref.id} went, and its user lives`);
      const record = ledger.recordOf(ref);
      const beganMs = ledger.begun.get(ref.id)?.atMs;
      if (!record || beganMs === undefined) continue;
      const overMs = record.expiresAtMs - (beganMs + settings.maxTtlMs + 1100);
      if (overMs > 0)
        violate("no expiry passes the maximum", `${ref.id} expires ${overMs} ms after its maximum`);
    }
  });
  redis.onLost(() => {
    for (const user of account.users.values()) checkNamed(user);
  });

  return {
    get violation() {
      return violation;
    },
    violate,
    answering(lease, keyId) {
      if (isExcused(lease) || lease.expiresAtMs <= redis.nowMs() + 10) return;
      if (!ledger.recordOf(lease))
        violate("every user is named by a stored lease", `${lease.id} is told, and is not stored`);
      const user = userOf(lease);
      const guardMs = user && guardEndsAtMs(user);
      if (!user?.keys.has(keyId)) {
        violate("a told secret works", `key ${keyId} of ${lease.id} is told and does not exist`);
        return;
      }
      if (guardMs === undefined || guardMs < lease.expiresAtMs)
        violate("the guard never ends a told secret early", `${lease.id} is told with a guard of ${guardMs}`);
      const others = [...user.keys.values()].filter(({ id, isHidden }) => id !== keyId && !isHidden);
      if (others.length > 0)
        violate("one secret a lease is told", `${lease.id} is told, and its user has another key`);
    },
    reportedRevoked(id) {
      const ref = ledger.begun.get(id)?.ref;
      const user = ref && userOf(ref);
      if (user && !isLeftAlone(user) && !ledger.isTainted(id))
        violate("what is reported as revoked is gone", `${id} is reported as revoked, and its user lives`);
    },
    reportedUnmounted(accessor) {
      const left = [...account.users.values()].find((user) => {
        const ref = ledger.refOf(user);
        return ref?.accessor === accessor && !isLeftAlone(user) && !ledger.isTainted(ref.id);
      });
      if (left) violate("what is reported as unmounted is empty", `${accessor} is gone, ${left.name} lives`);
    },
    failed(operation, error) {
      if (error instanceof CoreError && !undocumented.has(error.code)) return;
      violate("only documented errors", `${operation} failed with ${describe(error)}`);
    },
    failedInBackground(what, error) {
      if (error instanceof CoreError) return;
      violate("no bug in the background", `${what} failed with ${describe(error)}`);
    },
    checkIndexes() {
      const problem = indexProblem(redis.keys);
      if (problem) violate("counts and indexes agree with the records", problem);
    },
    strays: () => [...account.users.values()].filter(isLeftAlone).length,
    left() {
      const users = [...account.users.values()].filter((user) => {
        const ref = ledger.refOf(user);
        if (!ref || ledger.recordOf(ref)) return true;
        return !ledger.isOrphan(ref.id) && !isLeftAlone(user);
      });
      const records = [...redis.keys.values.keys()].flatMap((key) => refOfLeaseKey(key)?.id ?? []);
      if (users.length + records.length === 0) return undefined;
      return `left are records [${records.join(", ")}] and users [${users.map(({ name }) => name).join(", ")}]`;
    },
  };
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
