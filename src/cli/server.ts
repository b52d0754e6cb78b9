import type { Invocation } from "./command.ts";

/** What runs the server until it is told to stop, and answers the exit code. */
export type RunServer = (options: { isDev: boolean }) => Promise<number>;

/** `leasehold server [--dev]`. The server is loaded here, so that no other command pays for it. */
export async function server(
  invocation: Invocation,
  load: () => Promise<{ runServer: RunServer }> = () => import("../run-server.ts"),
): Promise<number> {
  const { runServer } = await load();
  return runServer({ isDev: invocation.flags.has("dev") });
}
