import { newAccessor } from "./accessor.ts";
import type { Backend, BackendType } from "./backend.ts";
import { type Barrier, BarrierError } from "./barrier.ts";
import { didYouMean } from "./did-you-mean.ts";
import type { EngineSettings } from "./engine-settings.ts";
import { CoreError, quote } from "./errors.ts";
import { invalidField } from "./field.ts";
import type { LeaseStore } from "./lease-store.ts";
import type { BuiltInMount, Mount, MountRecord } from "./mount.ts";
import { createMountLeases } from "./mount-leases.ts";
import { createMountStorage } from "./mount-storage.ts";
import type { Place } from "./place.ts";
import { normalizeMountPath } from "./request-path.ts";
import type { MountTuning } from "./requests.ts";
import type { Storage } from "./storage.ts";
import { checkTuning } from "./tuning.ts";

const mountsMax = 1000;

/** A mount that was found, and the rest of the path below it. */
export interface MountMatch {
  readonly mount: Mount;
  readonly rest: string;
}

/** Which backend answers under which path. The storage has the truth; each server keeps a copy and reads it anew. */
export interface MountTable {
  /** Reads the mounts anew. What has gone is closed, what is new is assembled, what is unchanged stays. */
  refresh(): Promise<void>;
  /** All mounts as last read, ordered by path. */
  all(): readonly Mount[];
  /** The mount at or above a path; reads anew before it says that there is none. Throws `NO_MOUNT`. */
  find(path: string): Promise<MountMatch>;
  /** The mount with an accessor, as last read. */
  byAccessor(accessor: string): Mount | undefined;
  /** Adds a mount. Throws `INVALID_FIELD`, `INVALID_PATH`, `PATH_TAKEN`, `LIMIT_EXCEEDED`. */
  add(request: MountAddition): Promise<Mount>;
  /** Writes a mount's record anew from what it is now; runs again where somebody else wrote meanwhile. Throws `NO_MOUNT`. */
  change(path: string, change: (record: MountRecord) => MountRecord): Promise<Mount>;
  /** Removes a mount's record. */
  remove(mount: Mount): Promise<void>;
}

/** What a new mount is to be. */
export interface MountAddition {
  readonly type: string;
  readonly path: string;
  readonly description: string;
  readonly tuning: MountTuning;
}

/** What the mount table works with. */
export interface MountTableOptions {
  readonly storage: Storage;
  readonly leases: LeaseStore;
  readonly barrier: Barrier;
  readonly backendTypes: readonly BackendType[];
  /** Mounts that are always there; none unless told. */
  readonly builtIns?: readonly BuiltInMount[];
  readonly settings: Pick<EngineSettings, "issueGraceMs">;
  /** Says whether the server observes only. */
  readonly isObserving: () => boolean;
}

const place = (path: string): Place => ({ key: `mount:${path}`, field: "record", schema: 1 });

/** Makes the mount table, empty until its first `refresh`. */
export function createMountTable(options: MountTableOptions): MountTable {
  const { storage, leases, barrier, backendTypes, builtIns = [], settings, isObserving } = options;
  let mounts = new Map<string, Mount>();
  /** Why the records of some mounts do not open, by their paths. */
  let corrupted: ReadonlyMap<string, BarrierError> = new Map();
  let readsBegun = 0;
  let readShown = 0;

  const seal = (path: string, record: MountRecord) =>
    barrier.seal(Buffer.from(JSON.stringify(record)), place(path));

  const typeOf = (name: string): BackendType | undefined => backendTypes.find(({ type }) => type === name);

  const makeBackend = (path: string, accessor: string, type: BackendType): Backend =>
    type.create({
      accessor,
      storage: createMountStorage({ accessor, storage, barrier }),
      liveLeases: () => leases.countPrefix(accessor, ""),
      liveLeasesOf: async (role) => (await leases.count(accessor)).byRole[role] ?? 0,
      leases: createMountLeases({
        ...settings,
        ...{ accessor, mountPath: path, leases, barrier, isObserving },
      }),
    });

  const assemble = (path: string, stored: Uint8Array, known: Mount | undefined): Mount => {
    if (known && Buffer.compare(known.stored, stored) === 0) return known;
    const record: MountRecord = JSON.parse(Buffer.from(barrier.open(stored, place(path))).toString());
    const type = typeOf(record.type);
    if (!type)
      throw new Error(
        `The mount at ${quote(path)} is of type ${quote(record.type)}, which this server lacks.`,
      );
    const { accessor } = record;
    const backend = known?.record.accessor === accessor ? known.backend : makeBackend(path, accessor, type);
    return { path, record, stored, type, backend, isBuiltIn: false };
  };

  const builtInMounts = builtIns.map(({ path, accessor, type }): Mount => {
    const description = type.summary;
    const state = "mounted";
    const record = { accessor, type: type.type, description, tuning: {}, state, createdAtMs: 0 } as const;
    const backend = makeBackend(path, accessor, type);
    return { path, record, stored: new Uint8Array(), type, backend, isBuiltIn: true };
  });

  const refresh = async (): Promise<void> => {
    readsBegun += 1;
    const read = readsBegun;
    const records = await storage.readMounts();
    // An answer that was overtaken by a later one is older than what is shown.
    if (read < readShown) return;
    readShown = read;
    const next = new Map(builtInMounts.map((mount) => [mount.path, mount]));
    const unopened = new Map<string, BarrierError>();
    for (const [path, stored] of [...records].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const known = mounts.get(path);
      try {
        next.set(path, assemble(path, stored, known));
      } catch (error) {
        // A record that somebody wrote over stops no other mount; one that was known goes on as it was, so that its leases end.
        if (!(error instanceof BarrierError)) throw error;
        unopened.set(path, error);
        if (known) next.set(path, known);
      }
    }
    corrupted = unopened;
    for (const [path, mount] of mounts)
      if (next.get(path)?.backend !== mount.backend) mount.backend.close?.();
    mounts = next;
  };

  const lookup = (path: string): MountMatch | undefined => {
    for (let end = path.length; end > 0; end = path.lastIndexOf("/", end - 1)) {
      const mount = mounts.get(path.slice(0, end));
      if (mount) return { mount, rest: path.slice(end + 1) };
    }
    return undefined;
  };

  const find = async (path: string): Promise<MountMatch> => {
    const match = lookup(path);
    if (match) return match;
    await refresh();
    const found = lookup(path);
    if (found) return found;
    for (const [mountPath, error] of corrupted) if (isAtOrBelow(path, mountPath)) throw error;
    const [first = ""] = path.split("/");
    const names = [...mounts.values()].filter(({ isBuiltIn }) => !isBuiltIn).map(({ path: name }) => name);
    const meant = didYouMean(first, names);
    const hint = meant
      ? `Did you mean ${quote(meant)}?`
      : names.length > 0
        ? `Mounted are ${names.map(quote).join(", ")}.`
        : "";
    throw new CoreError(
      "NO_MOUNT",
      `No mount lies at or above ${quote(path)}. ${hint || "Nothing is mounted yet."}`,
      {
        details: { path },
      },
    );
  };

  const change: MountTable["change"] = async (path, changed) => {
    for (;;) {
      const { mount, rest } = await find(path);
      if (rest !== "" || mount.isBuiltIn) throw notAMount(path, mount.path);
      const unopened = corrupted.get(mount.path);
      if (unopened) throw unopened;
      const record = changed(mount.record);
      checkTuning(record.tuning);
      const stored = seal(mount.path, record);
      const isWritten = await storage.writeMount(mount.path, stored, mount.stored);
      await refresh();
      if (isWritten) return assemble(mount.path, stored, mounts.get(mount.path));
    }
  };

  return {
    refresh,
    find,
    all: () => [...mounts.values()],
    byAccessor: (accessor) => [...mounts.values()].find(({ record }) => record.accessor === accessor),
    async add(request) {
      const type = typeOf(request.type);
      if (!type) {
        const known = backendTypes.map((backend) => backend.type).join(", ");
        throw invalidField("type", `must be a type of backend, one of ${known}; not ${quote(request.type)}.`);
      }
      checkTuning(request.tuning);
      const path = normalizeMountPath(request.path === "" ? request.type : request.path);
      await refresh();
      const taken = [...mounts.keys()].find((other) => overlaps(other, path));
      if (taken !== undefined) throw pathTaken(path, taken, mounts.get(taken)?.record.state);
      if (mounts.size - builtIns.length >= mountsMax) {
        throw new CoreError(
          "LIMIT_EXCEEDED",
          `There are ${mounts.size - builtIns.length} mounts, and ${mountsMax} are allowed. Unmount one.`,
        );
      }
      const { description, tuning } = request;
      const all = [...mounts.values()];
      const accessor = newAccessor(type.type, (name) => all.some(({ record }) => record.accessor === name));
      const createdAtMs = await leases.nowMs();
      const record: MountRecord = {
        accessor,
        type: type.type,
        description,
        tuning,
        state: "mounted",
        createdAtMs,
      };
      // The lease store knows the mount first: a record without it would be a mount that cannot issue.
      await leases.setMountState(accessor, "mounted");
      const stored = seal(path, record);
      if (!(await storage.writeMount(path, stored, null))) {
        await leases.forgetMount(accessor);
        throw pathTaken(path, path, undefined);
      }
      await refresh();
      // Two servers can each write one of two paths that overlap. Each then sees the other's, and takes its own back.
      const rival = [...mounts.keys()].find((other) => other !== path && overlaps(other, path));
      if (rival === undefined) return assemble(path, stored, mounts.get(path));
      await change(path, (current) => ({ ...current, state: "unmounting" }));
      throw pathTaken(path, rival, mounts.get(rival)?.record.state);
    },
    change,
    async remove(mount) {
      await storage.writeMount(mount.path, null, mount.stored);
      await refresh();
    },
  };
}
const isAtOrBelow = (path: string, mountPath: string): boolean =>
  path === mountPath || path.startsWith(`${mountPath}/`);

const overlaps = (a: string, b: string): boolean => isAtOrBelow(a, b) || isAtOrBelow(b, a);

function pathTaken(path: string, taken: string, state: MountRecord["state"] | undefined): CoreError {
  const why = state === "unmounting" ? "which is still being unmounted" : "which is in use";
  const problem = path === taken ? `${why}` : `because it overlaps ${quote(taken)}, ${why}`;
  return new CoreError(
    "PATH_TAKEN",
    `Cannot mount at ${quote(path)}, ${problem}. Choose another path, or unmount that one.`,
    {
      details: { path, taken_by: taken },
    },
  );
}

function notAMount(path: string, mountPath: string): CoreError {
  return new CoreError(
    "NO_MOUNT",
    `${quote(path)} is not the path of a mount; the mount there is ${quote(mountPath)}.`,
    {
      details: { path },
    },
  );
}
