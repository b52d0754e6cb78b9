import { expect, it } from "vitest";
import { tutorialPolicy } from "../mounted-aws.ts";
import { type SimulatedMount, simulatedMount } from "./simulated-mount.ts";

/** A mount whose root key is one of the user `root-user`. */
async function withRoot(extra: Record<string, string> = {}): Promise<SimulatedMount & { firstKey: string }> {
  const mount = await simulatedMount();
  const { id, secret } = await mount.createUser("root-user", ["iam:*", "sts:*"]);
  await mount.aws.ask("write", "config/root", { access_key: id, secret_key: secret, ...extra });
  return Object.assign(mount, { firstKey: id });
}

it("rotate-root works with a new key, tells its id alone, and leaves only that", async () => {
  await using mount = await withRoot();
  const { data, warnings } = await mount.aws.ask("write", "config/rotate-root");
  expect(warnings).toEqual([]);
  expect(mount.keysOf("root-user")).toEqual([data?.["access_key"]]);
  expect(Object.keys(data ?? {})).toEqual(["access_key"]);
  expect(data?.["access_key"]).not.toBe(mount.firstKey);
  expect(await mount.aws.storage.get("config/root")).toMatchObject({
    accessKey: data?.["access_key"],
    formerKeys: [mount.firstKey],
  });
  await mount.aws.ask("write", "config/rotate-root");
  expect(mount.keysOf("root-user")).toHaveLength(1);
});

it("a call that was under way with the old key goes on with the new one", async () => {
  await using mount = await withRoot();
  await mount.aws.ask("write", "roles/deploy", { policy_document: tutorialPolicy });
  const { issue } = await mount.aws.ask("read", "creds/deploy");
  const type = mount.aws.secretTypes.find(({ name }) => name === "iam_user");
  await mount.aws.ask("write", "config/rotate-root");
  const leaseUuid = "0d042c53-aa8a-4ce7-9dfd-310351c465e5";
  const ids = {
    leaseUuid,
    leaseId: `aws/creds/deploy/${leaseUuid}`,
    accessor: "aws_4f1c2d3e",
    role: "deploy",
  };
  const handle = type?.plan(issue?.input, ids) ?? {};
  const issuedAtMs = Date.now();
  const { signal } = new AbortController();
  const context = { input: issue?.input, ids, issuedAtMs, expiresAtMs: issuedAtMs + 60_000, signal };
  expect((await type?.create(handle, context))?.secret).toMatchObject({ access_key: expect.any(String) });
});

it("rotate-root refuses where the user has a second key, and says which", async () => {
  await using mount = await withRoot();
  const second = await mount.createKey("root-user");
  await expect(mount.aws.ask("write", "config/rotate-root")).rejects.toMatchObject({
    code: "BACKEND_REFUSED",
    message: expect.stringMatching(
      new RegExp(
        `"root-user" has a further access key, ${second.id} \\(created .* ago, not known to have been used\\)`,
      ),
    ),
    details: { access_key: second.id },
  });
  expect(mount.keysOf("root-user")).toEqual([mount.firstKey, second.id]);
});

it("rotate-root refuses without a key of the mount's own", async () => {
  const mount = await simulatedMount({
    loadSurroundings: async () => ({ ...surroundings, endsAtMs: undefined }),
  });
  await using _ = mount;
  const { id, secret } = await mount.createUser("around", ["iam:*", "sts:*"]);
  const surroundings = { accessKey: id, secretKey: secret, sessionToken: undefined };
  await expect(mount.aws.ask("write", "config/rotate-root")).rejects.toMatchObject({
    code: "NOT_CONFIGURED",
  });
  await mount.aws.ask("write", "config/root", {});
  await expect(mount.aws.ask("write", "config/rotate-root")).rejects.toMatchObject({
    code: "BACKEND_REFUSED",
    message: expect.stringMatching(/surroundings/),
  });
});

it("a rotation_period has the key rotated when it is over, and not before", async () => {
  await using mount = await withRoot({ rotation_period: "1h" });
  await mount.aws.upkeep();
  expect(mount.keysOf("root-user")).toEqual([mount.firstKey]);
  mount.advance(3_600_000);
  await mount.aws.upkeep();
  const [second] = mount.keysOf("root-user");
  expect(mount.keysOf("root-user")).toHaveLength(1);
  expect(second).not.toBe(mount.firstKey);
  await mount.aws.upkeep();
  expect(mount.keysOf("root-user")).toEqual([second]);
});

it("the upkeep tells why it could not rotate, and waits before it tries again", async () => {
  await using mount = await withRoot({ rotation_period: "1h" });
  const second = await mount.createKey("root-user");
  mount.advance(3_600_000);
  await expect(mount.aws.upkeep()).rejects.toMatchObject({ details: { access_key: second.id } });
  await mount.aws.upkeep();
  mount.simulator.account.users.find("root-user")?.accessKeys.delete(second.id);
  mount.advance(60_000);
  await mount.aws.upkeep();
  expect(mount.keysOf("root-user")).not.toContain(mount.firstKey);
});

/** Leaves a rotation as a server does that died while AWS came to know the new key. */
async function leaveRotation(mount: Awaited<ReturnType<typeof withRoot>>): Promise<void> {
  await mount.aws.storage.update("config/root", (root) => ({
    ...root,
    turnover: {
      user: "root-user",
      rotation: {
        step: "checking",
        startedAtMs: 0,
        before: [mount.firstKey],
        old: [mount.firstKey],
        pending: { id: "AKIAPENDING000000000", secret: "pending" },
        holder: "nobody",
        heldUntilMs: 0,
      },
    },
  }));
}

it("a new root key gives up what a rotation of the earlier one has left, and says so", async () => {
  await using mount = await withRoot();
  await leaveRotation(mount);
  const other = await mount.createUser("other-root", ["iam:*", "sts:*"]);
  const { warnings } = await mount.aws.ask("write", "config/root", {
    access_key: other.id,
    secret_key: other.secret,
  });
  expect(warnings).toEqual([expect.stringMatching(/"root-user".*AKIAPENDING000000000/)]);
});

it("a role_arn lets a rotation rest that a server has left, and says so", async () => {
  await using mount = await withRoot();
  await leaveRotation(mount);
  const role_arn = "arn:aws:iam::123456789012:role/reader";
  const { warnings } = await mount.aws.ask("write", "config/root", { role_arn, validate: false });
  expect(warnings).toEqual([expect.stringMatching(/"root-user".*Take role_arn away/)]);
});
