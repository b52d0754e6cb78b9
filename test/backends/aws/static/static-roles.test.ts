import { expect, it } from "vitest";
import { rootKey } from "../mounted-aws.ts";
import { type SimulatedMount, simulatedMount } from "../root-key/simulated-mount.ts";
import { SimulatedAccount } from "../sts/simulated-account.ts";

const hourly = { username: "ci", rotation_period: "1h" };

/** A mount with a root key, in an account with the user `ci`, who has one key. */
async function withUser(): Promise<SimulatedMount & { firstKey: { id: string; secret: string } }> {
  const mount = await simulatedMount();
  await mount.aws.ask("write", "config/root", rootKey);
  return Object.assign(mount, { firstKey: await mount.createUser("ci") });
}

it("a static role makes a new key at its write, and deletes the one that the user had", async () => {
  await using mount = await withUser();
  expect(await mount.aws.ask("write", "static-roles/ci", hourly)).toEqual({});
  const { data } = await mount.aws.ask("read", "static-creds/ci");
  expect(data).toMatchObject({ access_key: expect.stringMatching(/^AKIA/), secret_key: expect.any(String) });
  expect(data?.["ttl"]).toBeGreaterThan(3590);
  expect(mount.keysOf("ci")).toEqual([data?.["access_key"]]);
  expect(mount.simulator.account.users.find("ci")?.accessKeys.get(mount.keysOf("ci")[0] ?? "")?.secret).toBe(
    data?.["secret_key"],
  );
  expect((await mount.aws.ask("read", "static-roles/ci")).data).toMatchObject({
    username: "ci",
    rotation_period: 3600,
    access_key: data?.["access_key"],
    next_rotation: data?.["expiration"],
  });
  expect(await mount.aws.ask("list", "static-roles")).toEqual({ keys: ["ci"] });
});

it("the key of a static role is the same until the period is over, and then another", async () => {
  await using mount = await withUser();
  await mount.aws.ask("write", "static-roles/ci", hourly);
  const key = async () => (await mount.aws.ask("read", "static-creds/ci")).data?.["access_key"];
  const first = await key();
  mount.advance(3_500_000);
  await mount.aws.upkeep();
  expect(await key()).toBe(first);
  mount.advance(100_000);
  await mount.aws.upkeep();
  const second = await key();
  expect(second).not.toBe(first);
  expect(mount.keysOf("ci")).toEqual([second]);
});

it("a later write changes the period and rotates nothing; the user stays", async () => {
  await using mount = await withUser();
  await mount.aws.ask("write", "static-roles/ci", hourly);
  const before = mount.keysOf("ci");
  await mount.aws.ask("write", "static-roles/ci", { rotation_period: "2h" });
  await mount.aws.ask("write", "static-roles/ci", { username: "CI" });
  expect((await mount.aws.ask("read", "static-roles/ci")).data).toMatchObject({ rotation_period: 7200 });
  expect(mount.keysOf("ci")).toEqual(before);
  await expect(mount.aws.ask("write", "static-roles/ci", { username: "other" })).rejects.toMatchObject({
    details: { field: "username" },
  });
});

it("a second static role for the same user is refused, also by another case", async () => {
  await using mount = await withUser();
  await mount.aws.ask("write", "static-roles/ci", hourly);
  await expect(
    mount.aws.ask("write", "static-roles/other", { ...hourly, username: "Ci" }),
  ).rejects.toMatchObject({
    code: "INVALID_FIELD",
    message: expect.stringMatching(/static role "ci" already/),
  });
  await mount.aws.ask("delete", "static-roles/ci");
  await mount.aws.ask("write", "static-roles/other", hourly);
  expect(mount.keysOf("ci")).toHaveLength(1);
});

it("a user with two keys is refused, and both are named", async () => {
  await using mount = await withUser();
  const second = await mount.createKey("ci");
  await expect(mount.aws.ask("write", "static-roles/ci", hourly)).rejects.toMatchObject({
    code: "BACKEND_REFUSED",
    message: expect.stringMatching(new RegExp(`(?=.*${mount.firstKey.id} )(?=.*${second.id} )`)),
  });
  expect(mount.keysOf("ci")).toEqual([mount.firstKey.id, second.id]);
  expect(await mount.aws.ask("list", "static-roles")).toEqual({ keys: [] });
});

it("a key that somebody else has added is not touched: the rotation fails, and says so where the role is read", async () => {
  await using mount = await withUser();
  await mount.aws.ask("write", "static-roles/ci", hourly);
  const [ours] = mount.keysOf("ci");
  const theirs = await mount.createKey("ci");
  mount.advance(3_600_000);
  await expect(mount.aws.upkeep()).rejects.toMatchObject({ details: { access_key: theirs.id } });
  expect(mount.keysOf("ci")).toEqual([ours, theirs.id]);
  expect((await mount.aws.ask("read", "static-roles/ci")).data?.["last_error"]).toContain(theirs.id);
  expect((await mount.aws.ask("read", "static-creds/ci")).data).toMatchObject({ access_key: ours });
});

it.each([
  [{ username: "nobody", rotation_period: "1h" }, /names no user: AWS finds no "nobody"/],
  [{ username: "ci" }, /"rotation_period" is missing/],
  [{ rotation_period: "1h" }, /"username" is missing/],
  [{ username: "ci", rotation_period: "59s" }, /"rotation_period" must be at least 1m/],
  [{ username: "a/b", rotation_period: "1h" }, /"username" must be the name of a user/],
])("a static role of %j is refused", async (fields, message) => {
  await using mount = await withUser();
  await expect(mount.aws.ask("write", "static-roles/ci", fields)).rejects.toMatchObject({
    code: "INVALID_FIELD",
    message: expect.stringMatching(message),
  });
  expect(mount.keysOf("ci")).toEqual([mount.firstKey.id]);
});

it("the user whose key assumes role_arn is refused", async () => {
  await using mount = await withUser();
  const account = new SimulatedAccount(mount.simulator);
  const role_arn = await account.createRole("manager", {});
  account.close();
  const { id, secret } = await mount.createUser("base", ["sts:AssumeRole"]);
  await mount.aws.ask("write", "config/root", { access_key: id, secret_key: secret, role_arn });
  const write = mount.aws.ask("write", "static-roles/base", { ...hourly, username: "base" });
  await expect(write).rejects.toMatchObject({
    details: { field: "username" },
    message: expect.stringMatching(/root key's own user, "base"/),
  });
  expect(mount.keysOf("base")).toEqual([id]);
});

it("the root key's own user and the users of leases are refused", async () => {
  await using mount = await withUser();
  const root = await mount.createUser("root-user", ["iam:*", "sts:*"]);
  await mount.aws.ask("write", "config/root", { access_key: root.id, secret_key: root.secret });
  await expect(
    mount.aws.ask("write", "static-roles/root", { ...hourly, username: "root-user" }),
  ).rejects.toMatchObject({ message: expect.stringMatching(/root key's own user/) });
  mount.simulator.account.users
    .find("ci")
    ?.tags.set("leasehold:lease", { key: "leasehold:lease", value: "0d042c53-aa8a-4ce7-9dfd-310351c465e5" });
  await expect(mount.aws.ask("write", "static-roles/ci", hourly)).rejects.toMatchObject({
    message: expect.stringMatching(/names the user of a lease/),
  });
});

it("deleting a static role leaves the user and its key, and says so", async () => {
  await using mount = await withUser();
  await mount.aws.ask("write", "static-roles/ci", hourly);
  const [key] = mount.keysOf("ci");
  expect(await mount.aws.ask("delete", "static-roles/ci")).toEqual({
    warnings: [
      expect.stringMatching(
        new RegExp(`User "ci" stays as it is, and its access key ${key} goes on working`),
      ),
    ],
  });
  expect(mount.keysOf("ci")).toEqual([key]);
  await expect(mount.aws.ask("read", "static-creds/ci")).rejects.toMatchObject({ code: "NO_SUCH_ROLE" });
});

it("what AWS does not let be done leaves no static role", async () => {
  await using mount = await withUser();
  const weak = await mount.createUser("weak", ["iam:Get*", "iam:List*"]);
  await mount.aws.ask("write", "config/root", { access_key: weak.id, secret_key: weak.secret });
  await expect(mount.aws.ask("write", "static-roles/ci", hourly)).rejects.toMatchObject({
    code: "BACKEND_REFUSED",
    details: { aws_code: "AccessDenied" },
  });
  expect(await mount.aws.ask("list", "static-roles")).toEqual({ keys: [] });
  expect(mount.keysOf("ci")).toEqual([mount.firstKey.id]);
});
