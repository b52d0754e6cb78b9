/** What a search for a Redis server may look at and where it may keep what it fetches. */
export interface RedisSearch {
  /**
   * The caller's environment: `PATH` is searched, and apt and pip get the rest of it, since their proxies
   * and indexes are configured there.
   */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Keeps fetched servers between runs, such as `~/.cache/leasehold`. */
  readonly cacheDir: string;
  /** A private folder of the caller, used where `cacheDir` cannot be written. */
  readonly temporaryDir: string;
  /** Hears in one line what is being done, and why something found was not taken. */
  readonly say: (line: string) => void;
}

/**
 * The environment for the programs a search runs, without what belongs to leasehold or AWS: a package
 * tool needs no root key and no access key.
 */
export function toolEnv(search: Pick<RedisSearch, "env">): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(search.env)) {
    if (value !== undefined && !/^(LEASEHOLD|AWS)_/.test(name)) kept[name] = value;
  }
  return kept;
}
