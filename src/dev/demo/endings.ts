import { leasedUsers, printedKey, whoseKey } from "./leased-key.ts";
import { untilSo } from "./poll.ts";
import type { Stage } from "./stage.ts";
import { adminKey } from "./tutorial.ts";
import type { World } from "./world.ts";

const shortTtlMs = 5000;
/** How late the key may die in the demo; the product is far better, but the machine may be busy. */
const lateMsMax = 3000;

/** How leases end by themselves: at their TTL, no later than their maximum, and after a crash. */
export async function playEndings(stage: Stage, world: World): Promise<void> {
  const isDead = async (key: ReturnType<typeof printedKey>) =>
    (await whoseKey(world.awsUrl, key)).refusal !== undefined;
  const noUserLeft = async () => (await leasedUsers(world.awsUrl, adminKey)).length === 0;

  stage.scene("Expiry by itself");
  await stage.leasehold(
    "write",
    "aws/roles/short",
    "policy_document=@policy.json",
    "default_ttl=5s",
    "max_ttl=1m",
  );
  const short = printedKey((await stage.leasehold("read", "aws/creds/short")).stdout);
  stage.check("the key works now", !(await isDead(short)));
  stage.tell("Nobody revokes it. Its TTL is 5 seconds.");
  const diedMs = await untilSo(() => isDead(short), shortTtlMs + lateMsMax);
  stage.check(
    `the key is refused ${diedMs === undefined ? "never" : `after ${(diedMs / 1000).toFixed(1)} s`}`,
    diedMs !== undefined && diedMs > shortTtlMs - 1500,
  );
  stage.check("its IAM user is gone", (await untilSo(noUserLeft, lateMsMax)) !== undefined);

  stage.scene("Renewal, up to the max TTL");
  const { leaseId } = printedKey((await stage.leasehold("read", "aws/creds/short", "ttl=20s")).stdout);
  const renewed = await stage.leasehold("renew", leaseId, "--increment", "40s");
  stage.check("the expiry moves", renewed.exitCode === 0);
  const cut = await stage.leasehold("renew", leaseId, "--increment", "10m");
  stage.check("it stops at the max TTL, with a warning", cut.exitCode === 0 && /max TTL/.test(cut.stderr));
  await stage.leasehold("lease", "lookup", leaseId);
  await stage.leasehold("revoke", leaseId);

  stage.scene("A crash");
  const orphan = printedKey((await stage.leasehold("read", "aws/creds/short", "ttl=4s")).stdout);
  await stage.show(`kill -9 ${world.server().pid}   # the server`, async () => {
    await world.killServer();
    return "";
  });
  stage.tell("The server is dead while the lease runs out. It is started again:");
  await world.startServer();
  const endedMs = await untilSo(() => isDead(orphan), shortTtlMs + lateMsMax);
  stage.check("the key is refused all the same", endedMs !== undefined);
  stage.check("its IAM user is gone", (await untilSo(noUserLeft, lateMsMax)) !== undefined);
}
