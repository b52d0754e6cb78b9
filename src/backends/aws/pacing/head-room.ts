import { type Clock, startTimeout } from "../../../core/clock.ts";
import { CoreError } from "../../../core/errors.ts";
import type { VendorTelemetry } from "../../../core/vendor-telemetry.ts";
import { isAwsFailure } from "../aws-failure.ts";
import type { ReadUserRoom, UserRoom } from "./user-room.ts";

/** Users that are left free, for those whom leasehold does not know of. */
export const defaultUserHeadRoom = 50;

/** How long a count is gone by, in milliseconds. What this server has made since then is added. */
const freshMs = 60_000;
/** A count must be this new for a refusal, in milliseconds: users may have been deleted meanwhile. */
const refusalFreshMs = 5000;
/** How long to go on without asking again, in milliseconds, where AWS gave no answer, and where it refused to. */
const afterFailureMs = 60_000;
const afterRefusalMs = 600_000;
/** Where AWS gives no answer, as when it throttles, the last count is gone by for so long, in milliseconds. */
const lastCountMsMax = 600_000;
/** Longest wait for a count, in milliseconds: an issue can do without. */
const waitMsMax = 3000;

/** An account, and how to ask for its room. */
export interface RoomOf {
  /** Account, or the root key's id where the account is not known. */
  readonly account: string;
  readonly read: ReadUserRoom;
  /** Users to leave free; undefined for the default. */
  readonly headRoom: number | undefined;
}

/** Keeps accounts from being filled up: AWS allows 5,000 users in each, and whoever makes the last of them locks out everybody else. */
export interface HeadRoomGuard {
  /**
   * Takes room for one more user. Rejects with `LIMIT_EXCEEDED` where an account has come close to its quota; resolves where
   * that cannot be known.
   */
  claim(of: RoomOf): Promise<void>;
}

interface Known {
  room: UserRoom | undefined;
  roomAtMs: number;
  /** Users made by this server, ever, and when the count was asked for. */
  made: number;
  madeAtCount: number;
  askAtMs: number;
  isToldUnknown: boolean;
  asking: Promise<void> | undefined;
}

/** Makes the guard of a server, for all its mounts. */
export function createHeadRoomGuard(options: {
  readonly clock: Clock;
  readonly telemetry: VendorTelemetry;
}): HeadRoomGuard {
  const { clock, telemetry } = options;
  const accounts = new Map<string, Known>();

  const knownOf = (account: string): Known => {
    const known = accounts.get(account) ?? {
      room: undefined,
      roomAtMs: Number.NEGATIVE_INFINITY,
      made: 0,
      madeAtCount: 0,
      askAtMs: Number.NEGATIVE_INFINITY,
      isToldUnknown: false,
      asking: undefined,
    };
    accounts.set(account, known);
    return known;
  };

  const ask = async (known: Known, { account, read }: RoomOf): Promise<void> => {
    const madeAtCount = known.made;
    const limit = startTimeout(clock, waitMsMax);
    try {
      const room = await read({ signal: limit.signal });
      Object.assign(known, { room, roomAtMs: clock.nowMs(), madeAtCount, isToldUnknown: false });
      telemetry.headRoom(account, room);
    } catch (error) {
      if (!isAwsFailure(error)) throw error;
      const isOld = clock.nowMs() - known.roomAtMs >= lastCountMsMax;
      if (error.kind === "refused" || isOld) known.room = undefined;
      known.askAtMs = clock.nowMs() + (error.kind === "refused" ? afterRefusalMs : afterFailureMs);
      if (!known.isToldUnknown) telemetry.headRoomUnknown(account, `${error.code}: ${error.message}`);
      known.isToldUnknown = true;
    } finally {
      limit.stop();
    }
  };

  /** Those who ask at the same time share one answer. */
  const refresh = (known: Known, of: RoomOf): Promise<void> => {
    if (clock.nowMs() < known.askAtMs) return Promise.resolve();
    known.asking ??= ask(known, of).finally(() => {
      known.asking = undefined;
    });
    return known.asking;
  };

  const isFull = (known: Known, headRoom: number): boolean =>
    known.room !== undefined && usedOf(known, known.room) >= known.room.quota - headRoom;

  return {
    async claim(of) {
      const known = knownOf(of.account);
      const { headRoom = defaultUserHeadRoom } = of;
      const ageMs = () => clock.nowMs() - known.roomAtMs;
      if (known.room === undefined) await refresh(known, of);
      // Whoever asks for a secret does not wait for a number that is only a minute old.
      else if (ageMs() >= freshMs) void refresh(known, of);
      if (isFull(known, headRoom) && ageMs() >= refusalFreshMs) await refresh(known, of);
      if (known.room !== undefined && isFull(known, headRoom))
        throw accountFull(of.account, { ...known.room, count: usedOf(known, known.room), headRoom });
      known.made += 1;
    },
  };
}

function usedOf(known: Known, room: UserRoom): number {
  return room.count + known.made - known.madeAtCount;
}

function accountFull(account: string, numbers: UserRoom & { readonly headRoom: number }): CoreError {
  const { count, quota, headRoom } = numbers;
  return new CoreError(
    "LIMIT_EXCEEDED",
    `Cannot issue: AWS account ${account} has ${count} users of the ${quota} that it may have, and ${headRoom} are left free. ` +
      "Revoke leases that are not needed, shorten TTLs, or spread roles over more accounts.",
    {
      details: {
        limit_of: "account",
        account,
        users: String(count),
        quota: String(quota),
        user_headroom: String(headRoom),
      },
    },
  );
}
