import { printedKey, whoseUser } from "./leased-key.ts";
import { untilSo } from "./poll.ts";
import type { Stage } from "./stage.ts";
import type { World } from "./world.ts";

const ttlMs = 6000;
const graceMs = 1000;
/** How far the guard lies behind the expiry: the grace of the role, and a quarter of the TTL. */
const behindMs = graceMs + ttlMs / 4;
/** IAM's conditions know whole seconds, and the machine may be busy. */
const lateMsMax = 4000;

/** What ends a key when nobody is left to delete it. Everything of leasehold is stopped after this. */
export async function playDeadMansSwitch(stage: Stage, world: World): Promise<void> {
  stage.scene("The dead man's switch");
  const policy = JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Action: "iam:GetUser", Resource: "*" }],
  });
  await stage.leasehold(
    "write",
    "aws/roles/guarded",
    `policy_document=${policy}`,
    `default_ttl=${ttlMs / 1000}s`,
    `deadmans_switch_grace=${graceMs / 1000}s`,
  );
  const key = printedKey((await stage.leasehold("read", "aws/creds/guarded")).stdout);
  const issuedMs = performance.now();
  const ask = () => whoseUser(world.awsUrl, key);
  stage.check("the key may do what its policy says", (await ask()).arn !== undefined);

  const line = `kill -9 ${world.server().pid}   # the server; Redis is ended, too`;
  await stage.show(line, async () => {
    await world.killEverything();
    return "";
  });
  stage.tell(
    `Nobody is left to delete the key. Its TTL is ${ttlMs / 1000} seconds; ${behindMs / 1000} seconds later AWS denies it everything.`,
  );
  const isDenied = async () => (await ask()).refusal?.startsWith("AccessDenied") === true;
  const denied = await untilSo(isDenied, ttlMs + behindMs + lateMsMax);
  const afterMs = performance.now() - issuedMs;
  stage.check(
    `the key is denied ${denied === undefined ? "never" : `${(afterMs / 1000).toFixed(1)} s after it was issued`}`,
    denied !== undefined && afterMs > ttlMs,
  );
  const refused = await stage.show("aws iam get-user   # with the leased key", async () =>
    JSON.stringify(await ask()),
  );
  stage.check("AWS still knows it, and denies it", refused.includes("AccessDenied"));
}
