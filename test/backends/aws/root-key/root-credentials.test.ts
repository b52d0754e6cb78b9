import { expect, it } from "vitest";
import type { OpenRoot } from "../../../../src/backends/aws/root-access.ts";
import {
  createCredentialSource,
  type RootCredentials,
} from "../../../../src/backends/aws/root-key/root-credentials.ts";
import { tutorialPolicy } from "../mounted-aws.ts";
import { createPatientClock } from "../rotation/rotation-world.ts";
import { SimulatedAccount } from "../sts/simulated-account.ts";
import { simulatedMount } from "./simulated-mount.ts";

const key = { access_key: "AKIAI4SGLQPBX6CSENIQ", secret_key: "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" };

it("a mount without a key works with the credentials of the surroundings, which are asked for when they are needed", async () => {
  let loads = 0;
  await using mount = await simulatedMount({
    loadSurroundings: async () => {
      loads++;
      return {
        accessKey: key.access_key,
        secretKey: key.secret_key,
        sessionToken: undefined,
        endsAtMs: undefined,
      };
    },
  });
  await expect(mount.aws.ask("read", "creds/deploy")).rejects.toMatchObject({ code: "NOT_CONFIGURED" });
  expect(loads).toBe(0);
  expect(await mount.aws.ask("write", "config/root", { region: "us-east-1" })).toEqual({ warnings: [] });
  expect(await mount.aws.storage.get("config/root")).toMatchObject({ account: mount.simulator.account.id });
});

it("surroundings without credentials are told without the words of the error", async () => {
  await using mount = await simulatedMount({
    loadSurroundings: async () => {
      throw new Error("The file ~/.aws/credentials says secret = 1234");
    },
  });
  await expect(mount.aws.ask("write", "config/root", {})).rejects.toMatchObject({
    code: "NOT_CONFIGURED",
    message: expect.not.stringContaining("1234"),
  });
});

it("role_arn has the calls made by a session of the role, with its external id", async () => {
  await using mount = await simulatedMount();
  const account = new SimulatedAccount(mount.simulator);
  const roleArn = await account.createRole("manager", { externalId: "outside" });
  account.close();
  await expect(mount.aws.ask("write", "config/root", { ...key, role_arn: roleArn })).rejects.toMatchObject({
    code: "BACKEND_REFUSED",
    message: expect.stringMatching(/Cannot assume role .*AccessDenied/),
  });
  const written = await mount.aws.ask("write", "config/root", {
    ...key,
    role_arn: roleArn,
    external_id: "outside",
  });
  expect(written).toEqual({ warnings: [] });
  await mount.aws.ask("write", "roles/deploy", { policy_document: tutorialPolicy });
  const { issue } = await mount.aws.ask("read", "creds/deploy");
  expect(issue?.input).toMatchObject({ root: { accessKey: expect.stringMatching(/^ASIA/) } });
  await expect(mount.aws.ask("write", "config/rotate-root")).rejects.toMatchObject({
    message: expect.stringMatching(/sessions of role_arn/),
  });
});

it("a permission that a role below a path lacks is named as well", async () => {
  await using mount = await simulatedMount();
  const account = new SimulatedAccount(mount.simulator);
  const actions = ["iam:SimulatePrincipalPolicy", "iam:*User*", "iam:*AccessKeys", "iam:CreateAccessKey"];
  const roleArn = await account.createRole("manager", { path: "/services/", actions });
  account.close();
  const { warnings } = await mount.aws.ask("write", "config/root", { ...key, role_arn: roleArn });
  expect(warnings).toEqual([expect.stringMatching(/lack permissions .*: iam:DeleteAccessKey\. /)]);
});

it("a permission that is lacking is named in a warning, and the key is stored", async () => {
  await using mount = await simulatedMount();
  const actions = ["iam:SimulatePrincipalPolicy", "iam:Create*", "iam:Get*", "iam:List*", "iam:Put*"];
  const { id, secret } = await mount.createUser("weak", [...actions, "iam:*User", "iam:*UserPolicy"]);
  const written = await mount.aws.ask("write", "config/root", { access_key: id, secret_key: secret });
  expect(written.warnings).toEqual([expect.stringMatching(/lack permissions .*: iam:DeleteAccessKey\. /)]);
  const blind = await mount.createUser("blind", ["iam:Create*"]);
  const second = await mount.aws.ask("write", "config/root", {
    access_key: blind.id,
    secret_key: blind.secret,
  });
  expect(second.warnings).toEqual([expect.stringMatching(/was not checked: AWS answered AccessDenied/)]);
});

it("a wrong secret stores nothing, at the real protocol too", async () => {
  await using mount = await simulatedMount();
  await expect(mount.aws.ask("write", "config/root", { ...key, secret_key: "wrong" })).rejects.toMatchObject({
    code: "BACKEND_REFUSED",
    details: { aws_code: "SignatureDoesNotMatch" },
  });
  expect(await mount.aws.storage.get("config/root")).toBeUndefined();
});

/** A source whose sessions last an hour by AWS's clock, which may be ahead of the server's. */
function countedSessions(aheadMs = 0) {
  const clock = createPatientClock();
  const state = { assumed: 0, isDown: false };
  const source = createCredentialSource({
    clock,
    loadSurroundings: async (): Promise<RootCredentials> => ({
      accessKey: "AKIABASE",
      secretKey: "base",
      sessionToken: undefined,
      endsAtMs: undefined,
    }),
    sessionName: "leasehold",
    createQuery: () => ({
      query: async () => {
        if (state.isDown) throw new Error("There is nobody.");
        const id = `ASIA${++state.assumed}`;
        const texts = {
          AccessKeyId: id,
          SecretAccessKey: "s",
          SessionToken: "t",
          Expiration: new Date(clock.nowMs() + aheadMs + 3_600_000).toISOString(),
        };
        const children = Object.entries(texts).map(([name, text]) => ({ name, text, children: [] }));
        return {
          name: "AssumeRoleResult",
          text: "",
          children: [{ name: "Credentials", text: "", children }],
        };
      },
      close: () => {},
    }),
  });
  const config = { roleArn: "arn:aws:iam::111122223333:role/manager" };
  const endpoints = { region: "us-east-1", iamEndpoint: undefined, stsEndpoint: undefined };
  const get = async () => (await source.get(config, endpoints)).accessKey;
  return { clock, state, get };
}

it("a session is shared, replaced before it ends, and used to its end where no other is to be had", async () => {
  const { clock, state, get } = countedSessions();
  expect(await Promise.all([get(), get(), get()])).toEqual(["ASIA1", "ASIA1", "ASIA1"]);
  clock.advance(3_100_000);
  expect(await get()).toBe("ASIA1");
  await clock.sleep(1);
  expect(await get()).toBe("ASIA2");
  state.isDown = true;
  clock.advance(3_500_000);
  expect(await get()).toBe("ASIA2");
  await clock.sleep(1);
  clock.advance(200_000);
  await expect(get()).rejects.toThrow("There is nobody.");
});

it.each([
  ["ahead of", 1_800_000],
  ["behind", -7_200_000],
])("a session lasts an hour by the server's clock, though AWS's is %s it", async (_, aheadMs) => {
  const { clock, state, get } = countedSessions(aheadMs);
  expect([await get(), await get()]).toEqual(["ASIA1", "ASIA1"]);
  clock.advance(3_500_000);
  expect(await get()).toBe("ASIA1");
  await clock.sleep(1);
  expect(await get()).toBe("ASIA2");
  expect(state.assumed).toBe(2);
});

it("user_headroom is how much room an account must have for one more user", async () => {
  await using mount = await simulatedMount();
  await mount.aws.ask("write", "config/root", { ...key, user_headroom: 5000 });
  await mount.aws.ask("write", "roles/deploy", { policy_document: tutorialPolicy });
  const claim = async () => {
    const { issue } = await mount.aws.ask("read", "creds/deploy");
    const { root } = (issue?.input ?? {}) as { root: OpenRoot };
    await root.claimUser?.();
  };
  await expect(claim()).rejects.toMatchObject({
    code: "LIMIT_EXCEEDED",
    details: { user_headroom: "5000" },
  });
  await mount.aws.ask("write", "config/root", { user_headroom: -1 });
  await claim();
});
