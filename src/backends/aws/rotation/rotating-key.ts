import { randomUUID } from "node:crypto";
import { CoreError } from "../../../core/errors.ts";

/** An access key with its secret. It is stored sealed, to be used or read again. */
export type StoredKey = { readonly id: string; readonly secret: string };

/** A rotation under way. Every step is stored before the call that it is about, so that whoever comes next can go on or take back. */
export type Rotation = {
  /**
   * `creating`: a key was asked for, or is about to be, and its secret is not stored. `checking`: it is stored as `pending`, and AWS may not
   * know it everywhere yet. `removing`: it has become the current one, and the old one is to be deleted.
   */
  readonly step: "creating" | "checking" | "removing";
  readonly startedAtMs: number;
  /** Ids of the keys that the user had when it began. */
  readonly before: readonly string[];
  /** Those of them that go when the new one works. */
  readonly old: readonly string[];
  readonly pending?: StoredKey;
  /** Who works on it, and until when nobody else may; of this process or another. */
  readonly holder: string;
  readonly heldUntilMs: number;
};

/** The key of a user that is rotated, as it is stored. Times in milliseconds since 1970, by the storage's clock. */
export type RotatingKey = {
  readonly user: string;
  /** The key that works; absent until the first one was made. */
  readonly current?: StoredKey;
  readonly rotation?: Rotation;
  /** When the current key came to be. */
  readonly rotatedAtMs?: number;
  /** Why the last rotation failed; absent after one that did not. */
  readonly problem?: string;
  /** When a failed rotation is tried again. */
  readonly retryAtMs?: number;
};

/** Where a key is stored. */
export interface KeyRecord {
  read(): Promise<RotatingKey | undefined>;
  /** Writes what `by` makes of the key as it is, or nothing where `by` throws. Rejects with `KeyRecordGone` where there is none any more. */
  change(by: (now: RotatingKey) => RotatingKey): Promise<RotatingKey>;
}

/** Thrown where what a rotation works on has been deleted or replaced. */
export class KeyRecordGone extends CoreError {
  constructor() {
    super(
      "BACKEND_UNAVAILABLE",
      "What was to be rotated has been deleted or replaced meanwhile. Look at it, and try again.",
    );
    this.name = "KeyRecordGone";
  }
}

/** Thrown where somebody else has taken a rotation over. */
export class RotationLost extends CoreError {
  constructor() {
    super(
      "BACKEND_UNAVAILABLE",
      "The rotation took so long that another server has taken it over. It is finished or taken back by itself; look again in a minute.",
    );
    this.name = "RotationLost";
  }
}

/** How long the right to work on a rotation holds after each step, in milliseconds: longer than a step takes, waiting included. */
export const rotationHeldMs = 120_000;

/** The right of one who works on the rotation of a key. All its changes are refused once somebody else has the right. */
export interface RotationTurn {
  /** Stores the intent to create a key. Throws `BACKEND_UNAVAILABLE` where a rotation is under way already. */
  begin(keys: Pick<Rotation, "before" | "old">, seen: RotatingKey): Promise<RotatingKey>;
  /** Takes over a rotation that nobody works on; undefined where there is none, or somebody does. */
  takeOver(): Promise<RotatingKey | undefined>;
  /** Stores the next step. */
  step(by: (rotation: Rotation, now: RotatingKey) => Partial<RotatingKey>): Promise<RotatingKey>;
  /** Stores that the rotation is over. */
  end(): Promise<RotatingKey>;
  /** Lets others go on at once. */
  giveBack(): Promise<void>;
}

/** Makes the turn of one who is about to work on a key. */
export function createRotationTurn(record: KeyRecord, nowMs: () => Promise<number>): RotationTurn {
  const holder = randomUUID();
  const hold = (now: number) => ({ holder, heldUntilMs: now + rotationHeldMs });
  const ours = (key: RotatingKey): Rotation => {
    if (key.rotation?.holder !== holder) throw new RotationLost();
    return key.rotation;
  };
  return {
    async begin(keys, seen) {
      const now = await nowMs();
      return await record.change((key) => {
        if (key.rotation !== undefined || key.current?.id !== seen.current?.id) throw underWay(key);
        const { retryAtMs: _, ...rest } = key;
        return { ...rest, rotation: { step: "creating", startedAtMs: now, ...keys, ...hold(now) } };
      });
    },
    async takeOver() {
      const now = await nowMs();
      const isFree = (key: RotatingKey | undefined) =>
        key?.rotation !== undefined && key.rotation.heldUntilMs <= now;
      if (!isFree(await record.read())) return undefined;
      const taken = await record.change((key) =>
        key.rotation !== undefined && isFree(key)
          ? { ...key, rotation: { ...key.rotation, ...hold(now) } }
          : key,
      );
      return taken.rotation?.holder === holder ? taken : undefined;
    },
    async step(by) {
      const now = await nowMs();
      return await record.change((key) => {
        const next = { ...key, ...by(ours(key), key) };
        return next.rotation === undefined ? next : { ...next, rotation: { ...next.rotation, ...hold(now) } };
      });
    },
    end: () =>
      record.change((key) => {
        ours(key);
        const { rotation: _, problem: __, retryAtMs: ___, ...rest } = key;
        return rest;
      }),
    async giveBack() {
      await record.change((key) =>
        key.rotation?.holder === holder ? { ...key, rotation: { ...key.rotation, heldUntilMs: 0 } } : key,
      );
    },
  };
}

/** The error for a rotation that cannot begin because another has not ended. */
export function underWay({ user, rotation }: RotatingKey): CoreError {
  const since = rotation === undefined ? "" : ` It began at ${new Date(rotation.startedAtMs).toISOString()}.`;
  return new CoreError(
    "BACKEND_UNAVAILABLE",
    `The key of user "${user}" is being rotated already.${since} It is finished or taken back by itself; try again in a minute.`,
    { details: { user } },
  );
}
