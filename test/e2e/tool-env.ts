const names = ["PATH", "HOME", "XDG_CACHE_HOME"] as const;

/** The environment that a program needs to find or fetch a Redis, and nothing else of ours. */
export const toolEnv: Readonly<Record<string, string>> = Object.fromEntries(
  names.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value]];
  }),
);
