import { mkdtempDisposable, readdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { type DeployedServer, type Deployment, deploy } from "../kit/deployment.ts";
import { testRedisExecutable } from "../kit/redis-server.ts";
import { refusalOf } from "./refusal.ts";

beforeAll(testRedisExecutable, 180_000);

const adminKey = {
  accessKeyId: "AKIACANARYCANARY0001",
  secretAccessKey: "Canary/root+secret/0123456789abcdefghijk",
};
const kvValue = "canary-kv-value-7f3d9c";
const kvName = "canary-kv-field-name";

/** Every file below a folder, one after the other. */
async function filesOf(dir: string): Promise<Buffer> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return Buffer.concat(await Promise.all(files.map((file) => readFile(join(file.parentPath, file.name)))));
}

/** Names and values of every key, whatever its type, in Redis's own serialization and as its commands show them. */
async function contentsOf({ redisConnection: redis }: Deployment): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (const key of await redis.keys("*")) {
    parts.push(Buffer.from(key), (await redis.dumpBuffer(key)) ?? Buffer.alloc(0));
    const type = await redis.type(key);
    // A dump may be compressed; what the commands answer is not.
    if (type === "string") parts.push((await redis.getBuffer(key)) ?? Buffer.alloc(0));
    if (type === "hash") parts.push(...Object.values(await redis.hgetallBuffer(key)));
    if (type === "set") parts.push(...(await redis.smembersBuffer(key)));
    if (type === "zset") parts.push(Buffer.from((await redis.zrangebyscore(key, "-inf", "+inf")).join("\n")));
    if (type === "stream") parts.push(Buffer.from(JSON.stringify(await redis.xrange(key, "-", "+"))));
  }
  return Buffer.concat(parts);
}

/** The ways in which a text could have been written down. */
function spellingsOf(text: string): readonly string[] {
  const bytes = Buffer.from(text);
  // In the middle of something longer, base64 begins at any of three places.
  const base64 = [0, 1, 2].map((skipped) => {
    const aligned = bytes.subarray(skipped, bytes.length - ((bytes.length - skipped) % 3));
    return aligned.toString("base64");
  });
  return [text, encodeURIComponent(text), JSON.stringify(text), bytes.toString("hex"), ...base64];
}

/** The secrets of a token that was made, and of a login, each by what it is; and how wrong ones were refused. */
async function makeIdentities({ auth, secrets }: DeployedServer) {
  await secrets.write({ path: "auth/approle/role/ci", data: { token_policies: ["default"] } });
  const read = await secrets.read({ path: "auth/approle/role/ci/role-id" });
  const role_id = String(read.data?.["role_id"]);
  const made = await secrets.write({ path: "auth/approle/role/ci/secret-id" });
  const secret_id = String(made.data?.["secret_id"]);
  const path = "auth/approle/login";
  const login = await auth.login({ path, data: { role_id, secret_id } });
  const { token } = await auth.create({ policies: ["default"], metadata: { team: "canaries" } });
  const asToken = { headers: { authorization: `Bearer ${token}` } };
  await auth.lookupSelf({}, asToken);
  const refusals = await Promise.all(
    [
      auth.login({ path, data: { role_id, secret_id: `${secret_id}x` } }),
      auth.login({ path, data: { role_id: secret_id, secret_id: role_id } }),
      auth.lookup({ accessor: token }, asToken),
      auth.lookupSelf({}, { headers: { authorization: `Basic ${token}` } }),
      secrets.read({ path: "kv/canary" }, asToken),
    ].map(refusalOf),
  );
  await auth.revokeSelf({}, asToken);
  refusals.push(await refusalOf(auth.lookupSelf({}, asToken)));
  return {
    canaries: { "a token": token, "the token of a login": login.token, "a secret id": secret_id },
    refusals,
  };
}

it("no secret is in Redis, its file, what is sent to it, the logs, the audit, or an error", {
  timeout: 40_000,
}, async () => {
  await using auditDir = await mkdtempDisposable(join(tmpdir(), "leasehold-test-"));
  await using deployment = await deploy({
    simulator: { adminKey },
    env: { LEASEHOLD_LOG_LEVEL: "trace" },
    redis: { appendFsync: "always" },
  });
  const { redisConnection, rootToken, server, env } = deployment;
  const { secrets, leases, mounts, audit } = server;
  const sent: string[] = [];
  const monitor = await redisConnection.monitor();
  monitor.on("monitor", (_time: string, args: readonly string[]) => sent.push(args.join("\n")));

  await audit.enable({ name: "file", type: "file", options: { path: join(auditDir.path, "audit.log") } });
  const identities = await makeIdentities(server);
  await mounts.mount({ type: "aws" });
  await mounts.mount({ type: "kv" });
  const { accessKeyId: access_key, secretAccessKey: secret_key } = adminKey;
  await secrets.write({ path: "aws/config/root", data: { access_key, secret_key } });
  await deployment.writeRole();
  const keys = await Promise.all([1, 2, 3].map(() => deployment.readCreds()));
  const [first, second, third] = keys;
  if (!first || !second || !third) throw new Error("Three keys were asked for.");
  await leases.renew({ leaseId: first.leaseId, increment: { seconds: 7200n } });
  await leases.revoke({ leaseId: second.leaseId });
  await secrets.write({ path: "kv/canary", data: { [kvName]: kvValue, nested: [{ deep: kvValue }] } });
  expect((await secrets.read({ path: "kv/canary" })).data?.[kvName]).toBe(kvValue);

  const policy = `{"Version":"2012-10-17","Statement":[{"Sid":"${kvValue}"`;
  const headers = { authorization: `Bearer ${rootToken}x` };
  deployment.aws.faults.add({ kind: "lose-reply", actions: ["CreateAccessKey", "DeleteUser"], times: 2 });
  const refusals = await Promise.all(
    [
      secrets.read({ path: "kv/canary", parameters: { password: kvValue } }),
      secrets.read({ path: "kv/canary" }, { headers }),
      secrets.write({ path: "kv/canary", data: { big: kvValue.repeat(1600) } }),
      secrets.write({ path: "aws/config/root", data: { secret_key: `${secret_key} with spaces` } }),
      secrets.write({ path: "aws/config/root", data: { secret_key: [secret_key] } }),
      secrets.write({ path: "aws/config/root", data: { access_key, secret_key, secret_keys: secret_key } }),
      secrets.write({ path: "aws/roles/canary", data: { policy_document: policy } }),
      secrets.write({
        path: "aws/roles/canary",
        data: { policy_document: { Version: kvValue }, default_ttl: "x" },
      }),
      secrets.read({ path: "aws/config/root" }),
    ].map(refusalOf),
  );
  const outcomes = await Promise.allSettled([
    deployment.readCreds(),
    leases.revoke({ leaseId: third.leaseId }),
    deployment.readCreds({ call: { timeoutMs: 40 } }),
  ]);
  const late = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [String(outcome.reason)] : []));
  const issued = outcomes[0].status === "fulfilled" ? [outcomes[0].value] : [];
  const told = JSON.stringify([identities.refusals, refusals, late]);
  await audit.hash({ name: "file", value: kvValue });

  const metrics = await (await fetch(`${server.httpUrl}/metrics`)).text();
  const contents = await contentsOf(deployment);
  await server.stop();
  monitor.disconnect();
  const file = await filesOf(deployment.redis.dir);
  const log = Buffer.from(server.log.join("\n"));
  const audited = await filesOf(auditDir.path);
  expect(contents.includes("lh:")).toBe(true);
  expect(file.includes("lh:mounts")).toBe(true);
  expect(sent.join("\n")).toContain("aws/creds/deploy");
  expect(log.includes("SecretService/Read")).toBe(true);
  expect(audited.includes('"path":"auth/approle/login"')).toBe(true);

  const places = {
    contents,
    file,
    log,
    audited,
    sent: Buffer.from(sent.join("\n")),
    told: Buffer.from(told),
    metrics: Buffer.from(metrics),
  };
  const canaries = {
    "the root key's secret": secret_key,
    "the root key's id": access_key,
    "the root token": rootToken,
    "the key of keys": env["LEASEHOLD_ROOT_KEY"] ?? "",
    "a KV value": kvValue,
    "a KV field": kvName,
    ...identities.canaries,
    ...Object.fromEntries(
      [...keys, ...issued].map(({ secretAccessKey }, at) => [`leased secret ${at}`, secretAccessKey]),
    ),
  };
  const found = Object.entries(canaries).flatMap(([name, canary]) =>
    Object.entries(places).flatMap(([place, bytes]) =>
      spellingsOf(canary).some((spelling) => bytes.includes(spelling)) ? [`${name} in ${place}`] : [],
    ),
  );
  // The audit has the names of fields, for whoever looks for what was written.
  expect(found).toEqual(["a KV field in audited"]);
});
