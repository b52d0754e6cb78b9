import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

// Below the ranges from which Linux (32768 on) and macOS (49152 on) take the local ports of outgoing
// connections. Inside them, a client that reconnects while the server is down can be given the server's
// own port: it then talks to itself, and the server cannot come back.
const portMin = 20_000;
const portMax = 32_000;

/**
 * Finds a TCP port that nobody listens on at 127.0.0.1.
 *
 * Another process can take it before the caller does; whoever uses it must be ready to ask again.
 */
export async function findLoopbackPort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = randomInt(portMin, portMax);
    if (await isFree(port)) return port;
  }
  throw new Error(`Cannot find a free port on 127.0.0.1 between ${portMin} and ${portMax}: 100 were taken.`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}
