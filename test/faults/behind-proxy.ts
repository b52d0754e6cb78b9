import type { RedisExecutable } from "../../src/dev/redis/redis-executable.ts";
import type { RedisScript } from "../../src/redis/scripts.ts";
import { eventually } from "../e2e/eventually.ts";
import { type Refusal, wordRefusal } from "../e2e/refusal.ts";
import { type DeployedServer, type Deployment, deploy } from "../kit/deployment.ts";
import { startTcpProxy, type TcpProxy } from "../kit/tcp-proxy.ts";

/** A deployment with one server, which reaches its Redis through a proxy, and a mounted AWS with a role. */
export interface BehindProxy extends AsyncDisposable {
  readonly deployment: Deployment;
  readonly proxy: TcpProxy;
  readonly server: DeployedServer;
}

/** Most of it is what an issue may take; a machine that does much else needs more than the usual two seconds. */
const issueGrace = "5s";

/** Starts it, and uses every script once, so that Redis knows them all by name. */
export async function deployBehindProxy(executable: RedisExecutable): Promise<BehindProxy> {
  const deployment = await deploy({
    servers: 0,
    env: { LEASEHOLD_ISSUE_GRACE: issueGrace },
    redis: { executable, appendFsync: "everysec" },
  });
  try {
    const proxy = await startTcpProxy(deployment.redis.port);
    const end = async (): Promise<void> => {
      await deployment.stop();
      await proxy.close();
    };
    try {
      const server = await deployment.startServer({
        LEASEHOLD_REDIS_URL: `redis://127.0.0.1:${proxy.port}`,
      });
      await deployment.mountAws();
      await deployment.writeRole();
      const { leaseId } = await deployment.readCreds({ ttl: "1h" });
      await server.leases.renew({ leaseId });
      await server.leases.revoke({ leaseId });
      return { deployment, proxy, server, [Symbol.asyncDispose]: end };
    } catch (error) {
      await proxy.close();
      throw error;
    }
  } catch (error) {
    await deployment.stop();
    throw error;
  }
}

/** Says whether the server's calls reach Redis. */
export const canReadRedis = (deployment: Deployment): Promise<boolean> =>
  deployment.countLeases().then(
    () => true,
    () => false,
  );

/** Makes a call whose script Redis runs and answers, and the answer is lost. Gives what the caller was told. */
export async function withoutReply<T>(
  { deployment, proxy }: BehindProxy,
  script: RedisScript,
  call: () => Promise<T>,
): Promise<{ readonly told: T } | { readonly refused: Refusal }> {
  const lost = proxy.loseReply({ requestWith: script.sha1 });
  const outcome = await call().then(
    (told) => ({ told }),
    (error: unknown) => ({ refused: wordRefusal(error) }),
  );
  await lost;
  await eventually("the server is back", () => canReadRedis(deployment), { withinMs: 20_000 });
  return outcome;
}
