import { printedKey } from "./leased-key.ts";
import type { Stage } from "./stage.ts";

/** What is around the credentials: leases to look at, help, and plain secrets. */
export async function playAround(stage: Stage): Promise<void> {
  stage.scene("Leases and help");
  const { leaseId } = printedKey((await stage.leasehold("read", "aws/creds/deploy")).stdout);
  const listed = await stage.leasehold("lease", "list", "aws/");
  stage.check("the lease is listed", listed.stdout.includes(leaseId));
  await stage.leasehold("lease", "count", "aws/");
  const help = await stage.leasehold("path-help", "aws");
  stage.check("the mount explains itself", help.stdout.includes("aws/creds/:name"));
  const credsHelp = await stage.leasehold("path-help", "aws/creds/deploy");
  stage.check("so does the path", credsHelp.stdout.includes("ttl"));
  await stage.leasehold("revoke", "--prefix", "aws/creds/deploy");

  stage.scene("Plain secrets");
  const mounted = await stage.leasehold("mount", "kv", "--path", "secret");
  stage.check("the backend is mounted", mounted.stdout === "Successfully mounted 'kv' at 'secret'!\n");
  await stage.leasehold("write", "secret/hello", "value=world");
  const read = await stage.leasehold("read", "secret/hello");
  stage.check("what was written is read", /^value\s+world$/m.test(read.stdout));
  const listing = await stage.leasehold("list", "secret/");
  stage.check("it is listed", listing.stdout.includes("hello"));
  await stage.leasehold("delete", "secret/hello");
  const gone = await stage.leasehold("read", "secret/hello");
  stage.check("it is gone", gone.exitCode === 1);
}
