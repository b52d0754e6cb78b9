/**
 * Where everything but leases is kept, as opaque bytes under slash-separated
 * keys. `{accessor, path}` names an entry of a mount (its roles, configuration,
 * or KV values). Every call rejects with `STORAGE_UNAVAILABLE` when the storage
 * cannot be reached or refuses.
 */
export interface Storage {
  /** Reads an entry of a mount. */
  get(accessor: string, path: string): Promise<Uint8Array | undefined>;
  /**
   * Writes an entry of a mount. With `expected` it writes only where the entry still holds those bytes (null: where
   * there is none), and answers false otherwise. Rejects with `MOUNT_UNMOUNTING` on a mount that is going away; with
   * `whileUnmounting`, only on one that is not there any more.
   */
  put(
    accessor: string,
    path: string,
    value: Uint8Array,
    options?: { readonly expected?: Uint8Array | null; readonly whileUnmounting?: boolean },
  ): Promise<boolean>;
  /** Deletes an entry of a mount; answers whether there was one. Rejects with `MOUNT_UNMOUNTING` like `put`. */
  delete(accessor: string, path: string): Promise<boolean>;
  /**
   * Names directly under a folder (`""` or ending in a slash), in order; a name that ends in a slash is a folder.
   * At most `limit` names, beginning after the name `after`.
   */
  list(
    accessor: string,
    folder: string,
    page: { readonly after: string; readonly limit: number },
  ): Promise<readonly string[]>;
  /** Removes every entry of a mount. */
  clear(accessor: string): Promise<void>;
  /** All mount records by mount path. */
  readMounts(): Promise<ReadonlyMap<string, Uint8Array>>;
  /** Adds, replaces or (null) removes a mount record, only where the stored one still equals `expected`; answers whether it did. */
  writeMount(path: string, record: Uint8Array | null, expected: Uint8Array | null): Promise<boolean>;
  /** The wrapped data keys, where there are any. */
  readKeyring(): Promise<Uint8Array | undefined>;
  /** Stores the wrapped data keys, only where there were none; answers whether it did, once they are durable. */
  createKeyring(keyring: Uint8Array): Promise<boolean>;
  /** Writes other wrapped data keys over these, only where the stored ones still equal `expected`; answers whether it did, once they are durable. */
  replaceKeyring(keyring: Uint8Array, expected: Uint8Array): Promise<boolean>;
  /** Adds to the number of values that were sealed under a term; answers the sum. Where a reply is lost the sum is too high. */
  countSeals(term: number, more: number): Promise<number>;
  /** What operators and servers have noted for all servers, where there is anything. */
  readOperatorMark(): Promise<Uint8Array | undefined>;
  /** Writes that note, only where the stored one still equals `expected` (null: where there is none); answers whether it did. */
  writeOperatorMark(mark: Uint8Array, expected: Uint8Array | null): Promise<boolean>;
}
