/** A mount as it was when it was seen last. */
export interface RememberedMount {
  readonly path: string;
  /** The number that every change of the mount raises. */
  readonly epoch: number;
  /** How many leases it had. */
  readonly leases: number;
}

/** What a server has seen of the storage, to be kept outside of it. No secret is in it. */
export interface Remembered {
  /** When, by the storage's clock. */
  readonly seenAtMs: number;
  /** By accessor. */
  readonly mounts: ReadonlyMap<string, RememberedMount>;
}

/** Keeps what was seen of the storage where losing the storage does not lose it. */
export interface ObserverMemory {
  /** What was written last; undefined where nothing was. */
  read(): Promise<Remembered | undefined>;
  write(remembered: Remembered): Promise<void>;
}
