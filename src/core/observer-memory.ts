/** A mount as it was when it was seen last. */
export interface RememberedMount {
  readonly path: string;
  /** The number that every change of the mount raises. */
  readonly epoch: number;
  /**
   * The epoch 10 to 20 seconds before that, 0 for a mount that was not there then: what is lost above it, a failover or a crash of the
   * storage may have lost. Equal to the epoch where nobody knows what it was.
   */
  readonly settledEpoch: number;
  /** How many leases it had. */
  readonly leases: number;
}

/** That a server observes since something is missing, which a restart does not end. */
export interface RememberedObserving {
  /** What was missing, as sentences. */
  readonly reasons: readonly string[];
  /** Since when, by the storage's clock. */
  readonly sinceMs: number;
  /** When a person had said go last, before; 0 for never. */
  readonly resumedBeforeMs: number;
}

/** What a server has seen of the storage, to be kept outside of it. No secret is in it. */
export interface Remembered {
  /** When, by the storage's clock. */
  readonly seenAtMs: number;
  /** By accessor. */
  readonly mounts: ReadonlyMap<string, RememberedMount>;
  /**
   * There where the server observed; the mounts are then as they were before the loss. Requests go on meanwhile and raise the epochs,
   * so that these alone would soon tell nothing.
   */
  readonly observing?: RememberedObserving;
}

/** Keeps what was seen of the storage where losing the storage does not lose it. */
export interface ObserverMemory {
  /** What was written last; undefined where nothing was. */
  read(): Promise<Remembered | undefined>;
  write(remembered: Remembered): Promise<void>;
}
