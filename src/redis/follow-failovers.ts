import type { Redis } from "ioredis";
import { renewConnection } from "./renew-connection.ts";

const channel = "+switch-master";

/** What is used of the connection to the primary. */
export type FollowingConnection = Pick<Redis, "status" | "stream" | "disconnect"> & {
  on(event: "ready", listener: () => void): unknown;
};

/**
 * Makes a connection leave a primary that the sentinels have replaced, as soon as one of them tells. An old primary may
 * go on for seconds before it is made a replica, and what it takes meanwhile is lost. Each sentinel tells when it knows;
 * one that is asked too early names the old primary again, so every one of them counts.
 */
export function followFailovers(
  redis: FollowingConnection,
  masterName: string,
  sentinels: readonly Redis[],
): void {
  let isOutdated = false;
  const leave = (host: string | undefined, port: number) => {
    const { remoteAddress, remotePort } = redis.stream ?? {};
    if (remoteAddress === host && remotePort === port) return;
    // A connection that is being made may be to the old primary still; it is made anew once it is there.
    isOutdated = !renewConnection(redis);
  };
  redis.on("ready", () => {
    if (isOutdated) renewConnection(redis);
    isOutdated = false;
  });

  for (const sentinel of sentinels) {
    // The connection to the primary finds out by itself that no sentinel answers, and tells.
    sentinel.on("error", () => {});
    sentinel.on("ready", () => void sentinel.subscribe(channel).catch(() => renewConnection(sentinel)));
    sentinel.on("message", (_channel: string, message: string) => {
      // The name, the host and port of the old primary, and those of the new one.
      const [name, , , host, port] = message.split(" ");
      if (name === masterName) leave(host, Number(port));
    });
  }
}
