import { readFileSync } from "node:fs";
import { join } from "node:path";
import { leasedUsers, printedKey, whoseKey } from "./leased-key.ts";
import type { Stage } from "./stage.ts";
import type { World } from "./world.ts";

/** The account's administrator, as the AWS simulator knows it. */
export const adminKey = {
  accessKeyId: "AKIAI4SGLQPBX6CSENIQ",
  secretAccessKey: "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",
};

const lastLine = (text: string): string => text.trimEnd().split("\n").at(-1) ?? "";

/** The tutorial: mount, configure, write a role, read credentials, use them, revoke them. */
export async function playTutorial(stage: Stage, world: World): Promise<void> {
  stage.scene("Dynamic AWS credentials");
  const mounted = await stage.leasehold("mount", "aws");
  stage.check("the backend is mounted", mounted.stdout === "Successfully mounted 'aws' at 'aws'!\n");

  const { accessKeyId, secretAccessKey } = adminKey;
  const configured = await stage.leasehold(
    "write",
    "aws/config/root",
    `access_key=${accessKeyId}`,
    `secret_key=${secretAccessKey}`,
  );
  stage.check(
    "the root key is written",
    lastLine(configured.stdout) === "Success! Data written to: aws/config/root",
  );

  const refused = await stage.leasehold("read", "aws/config/root");
  const [firstLine = ""] = refused.stderr.split("\n");
  stage.check(
    "it cannot be read back",
    firstLine === "Error reading aws/config/root: unsupported operation" && refused.exitCode === 1,
  );

  await stage.show("cat policy.json", async () => readFileSync(join(world.dir, "policy.json"), "utf8"));
  const role = await stage.leasehold("write", "aws/roles/deploy", "policy=@policy.json");
  stage.check("the role is written", lastLine(role.stdout) === "Success! Data written to: aws/roles/deploy");

  const read = await stage.leasehold("read", "aws/creds/deploy");
  const key = printedKey(read.stdout);
  stage.check(
    "a key and its lease are returned",
    /^Key {9}Value$/m.test(read.stdout) && key.leaseId !== "" && key.secretAccessKey !== "",
  );

  const used = await stage.show("aws sts get-caller-identity   # with the leased key", async () =>
    JSON.stringify(await whoseKey(world.awsUrl, key)),
  );
  stage.check("the leased key works", used.includes("arn:aws:iam::"));

  const revoked = await stage.leasehold("revoke", key.leaseId);
  stage.check("the lease is revoked", revoked.stdout === `Key revoked with ID '${key.leaseId}'.\n`);

  const after = await stage.show("aws sts get-caller-identity   # with the revoked key", async () =>
    JSON.stringify(await whoseKey(world.awsUrl, key)),
  );
  stage.check("the key no longer works", after.includes("InvalidClientTokenId"));
  stage.check("no IAM user is left", (await leasedUsers(world.awsUrl, adminKey)).length === 0);
}
