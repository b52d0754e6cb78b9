import { describe, expect, it } from "vitest";
import type { UserHandle, UserInput } from "../../../src/backends/aws/user-handle.ts";
import { awsFailure, type FakeCall, type FakeFault } from "../../kit/fake-iam.ts";
import { mountAws, rootKey, tutorialPolicy } from "./mounted-aws.ts";

const user = "leasehold-deploy-0d042c53aa8a4ce79dfd310351c465e5";
const firstKey = "AKIAFAKE000000000001";
const ids = {
  leaseUuid: "0d042c53-aa8a-4ce7-9dfd-310351c465e5",
  leaseId: "aws/creds/deploy/0d042c53-aa8a-4ce7-9dfd-310351c465e5",
  accessor: "aws_4f1c2d3e",
  role: "deploy",
};

/** A user with a key, and what is stored before the key is replaced. */
async function planned() {
  const aws = mountAws();
  await aws.ask("write", "config/root", rootKey);
  await aws.ask("write", "roles/deploy", { policy_document: tutorialPolicy });
  const { input } = await aws.issueOf("deploy");
  const { signal } = new AbortController();
  const issuedAtMs = aws.clock.nowMs();
  const { handle } = await aws.userType.create(aws.userType.plan(input, ids), {
    input,
    ids,
    issuedAtMs,
    expiresAtMs: issuedAtMs + 3_600_000,
    signal,
  });
  const plan = (aws.userType.planReissue?.(handle) ?? {}) as UserHandle;
  const since = aws.iam.calls.length;
  const reissue = async (more: Partial<UserInput> = {}) => {
    const again = { ...(input as UserInput), ...more };
    const made = await aws.userType.reissue?.(plan, { signal, input: again });
    if (!made) throw new Error("Nothing was made.");
    return made;
  };
  const disarm = () => aws.userType.disarm?.(plan, { signal });
  const keys = () => [...(aws.iam.users.get(user)?.keys.keys() ?? [])];
  return { aws, plan, reissue, disarm, keys, since };
}

/** Lets a fault happen to the first calls that begin like this. */
function first(times: number, start: string, fault: FakeFault): (call: FakeCall) => FakeFault | undefined {
  let left = times;
  return ({ text }) => (text.startsWith(start) && left-- > 0 ? fault : undefined);
}

describe("replacing the access key of an IAM user", () => {
  it("waits for the fresh key where the repeated request asks for that, and says whether AWS knows it", async () => {
    const { reissue } = await planned();
    const { secret, warnings } = await reissue({ probe: async () => false });
    expect(secret).toMatchObject({ ready: false });
    expect(warnings).toEqual([expect.stringContaining("use it again in some seconds")]);
  });

  it("deletes the earlier key before it asks for the next, and touches nothing else", async () => {
    const { aws, plan, reissue, keys, since } = await planned();
    const policy = aws.iam.users.get(user)?.inline.get("leasehold");
    const { secret, handle } = await reissue();
    expect(aws.iam.waves(since)).toEqual([
      ["getUser"],
      [`remove accessKey ${firstKey}`],
      ["list accessKey"],
      ["createAccessKey"],
    ]);
    expect(keys()).toEqual(["AKIAFAKE000000000002"]);
    expect(secret).toMatchObject({ access_key: "AKIAFAKE000000000002" });
    expect(aws.iam.users.get(user)?.inline.get("leasehold")).toBe(policy);
    const { old: _old, ...rest } = plan;
    expect(handle).toEqual({ ...rest, key: "AKIAFAKE000000000002" });
  });

  it("plans a handle that names the earlier key and no key as the only one", async () => {
    const { plan } = await planned();
    expect(plan).toMatchObject({ user, old: firstKey });
    expect(plan.key).toBeUndefined();
  });

  it("sends CreateAccessKey once, and after a lost reply only once every key is deleted", async () => {
    const { aws, reissue, keys, since } = await planned();
    aws.iam.knobs.fault = first(1, "createAccessKey", "lost reply");
    const { secret } = await reissue();
    expect(aws.iam.calls.slice(since + 3).map(({ text }) => text)).toEqual([
      "createAccessKey",
      "list accessKey",
      "remove accessKey AKIAFAKE000000000002",
      "createAccessKey",
    ]);
    expect(keys()).toEqual([secret["access_key"]]);
  });

  it("asks for no key while AWS does not find the earlier one, which may still come to light", async () => {
    const { aws, reissue } = await planned();
    aws.iam.users.get(user)?.keys.clear();
    await expect(reissue()).rejects.toMatchObject({
      code: "BACKEND_REFUSED",
      details: { aws_code: "NoSuchEntity" },
    });
    expect(aws.iam.users.get(user)?.keys.size).toBe(0);
  });

  it("waits for a key that AWS shows only after a while", async () => {
    const { aws, reissue, keys } = await planned();
    aws.iam.knobs.fault = first(4, `remove accessKey ${firstKey}`, awsFailure("absent", "NoSuchEntity"));
    await reissue();
    expect(keys()).toEqual(["AKIAFAKE000000000002"]);
  });

  it("touches no user but the one of the lease", async () => {
    const { aws, reissue, keys } = await planned();
    const found = aws.iam.users.get(user);
    if (found) found.tags = { team: "red" };
    await expect(reissue()).rejects.toMatchObject({
      code: "BACKEND_REFUSED",
      message: expect.stringMatching(/ is left as it is, for it is not the one of this lease/),
    });
    expect(keys()).toEqual([firstKey]);
  });

  it("says what AWS refused", async () => {
    const { aws, reissue } = await planned();
    aws.iam.knobs.fault = first(9, "createAccessKey", awsFailure("refused", "AccessDenied"));
    await expect(reissue()).rejects.toMatchObject({
      code: "BACKEND_REFUSED",
      message: `Cannot replace the access key of user "${user}": AWS refused it with AccessDenied: Said by AWS.`,
    });
  });
});

describe("disarming a user whose key is being replaced", () => {
  it("deletes the earlier key also where AWS does not list it", async () => {
    const { aws, disarm, keys } = await planned();
    const { list } = aws.iam;
    aws.iam.list = async (call) => (call.belonging === "accessKey" ? [] : list(call));
    await disarm();
    expect(keys()).toEqual([]);
  });

  it("deletes every key that AWS lists, and minds no earlier one that is gone", async () => {
    const { aws, disarm, keys } = await planned();
    const made = aws.iam.users.get(user)?.keys;
    made?.clear();
    made?.set("AKIANEXT", "s");
    await disarm();
    expect(keys()).toEqual([]);
  });
});

describe("what a forgotten user leaves behind", () => {
  it("is told with its name, path, account and key", async () => {
    const { aws, plan } = await planned();
    const { old: _old, ...rest } = plan;
    const handle = { ...rest, key: firstKey };
    const told = (isDisarmed: boolean, of = handle) => aws.userType.leftBehind?.(of, { isDisarmed });
    const where = `IAM user "${user}" with the path "/leasehold/" in account 111122223333`;
    expect(told(false)).toEqual([`${where}, with its access key ${firstKey}.`]);
    expect(told(true)).toEqual([`${where}, whose access key was deleted.`]);
    expect(aws.userType.leftBehind?.(plan, { isDisarmed: false })).toEqual([
      `${where}, with every access key that it has.`,
    ]);
    const { account: _account, ...unknown } = { ...handle, path: "/ci/", root: rootKey.access_key };
    expect(aws.userType.leftBehind?.(unknown, { isDisarmed: false })).toEqual([
      `IAM user "${user}" with the path "/ci/" in the account of the root key ${rootKey.access_key}, with its access key ${firstKey}.`,
    ]);
  });
});
