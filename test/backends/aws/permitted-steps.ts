import * as sdk from "@aws-sdk/client-iam";
import { expect } from "vitest";
import { tutorialPolicy } from "./mounted-aws.ts";
import { type PermittedWorld, rootUser } from "./permitted-world.ts";
import { touchUser } from "./touched-user.ts";

const { signal } = new AbortController();
const hourMs = 3_600_000;
const readOnly = "arn:aws:iam::aws:policy/ReadOnlyAccess";

/** Everything that leasehold does with a root key, in parts that hold by themselves. Each fails where something is not done. */
export const permittedSteps: Readonly<Record<string, (world: PermittedWorld) => Promise<void>>> = {
  async "the check of config/root"({ aws, key }) {
    expect(await aws.ask("write", "config/root", key)).toEqual({ warnings: [] });
  },

  async "issuing, repeating, renewing and revoking users"({ aws, key, admin, simulator, issue }) {
    await aws.ask("write", "config/root", { ...key, validate: false });
    await admin.send(new sdk.CreateGroupCommand({ GroupName: "builders" }));
    await aws.ask("write", "roles/deploy", {
      policy_document: tutorialPolicy,
      policy_arns: readOnly,
      iam_groups: "builders",
    });
    const { type, handle, end } = await issue("deploy");
    const again = { ...handle, ...type.planReissue?.(handle) };
    expect((await type.reissue?.(again, { signal }))?.secret).toHaveProperty("access_key");
    await type.renew?.(handle, { ttlMs: hourMs, expiresAtMs: Date.now() + 2 * hourMs, signal });
    await end();
    expect(simulator.account.users.find(String(handle["user"]))).toBeUndefined();
    await end();
  },

  async "deleting a user that others have touched"({ aws, key, admin, simulator, issue }) {
    await aws.ask("write", "config/root", { ...key, validate: false });
    await aws.ask("write", "roles/deploy", { policy_document: tutorialPolicy });
    const { handle, end } = await issue("deploy");
    await touchUser(String(handle["user"]), { admin, simulator });
    await end();
    expect(simulator.account.users.find(String(handle["user"]))).toBeUndefined();
    expect([...simulator.account.mfaDevices.keys()]).toEqual([]);
  },

  async "finding orphans, adopting and removing them"({ aws, key, admin }) {
    await aws.ask("write", "config/root", { ...key, validate: false });
    const tags = {
      "leasehold:lease": "0d042c53-aa8a-4ce7-9dfd-310351c465e5",
      "leasehold:mount": "aws_4f1c2d3e",
      "leasehold:role": "deploy",
      "leasehold:expires": "2026-01-01T00:00:00Z",
    };
    const UserName = "leasehold-deploy-0d042c53aa8a4ce79dfd310351c465e5";
    const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
    await admin.send(new sdk.CreateUserCommand({ UserName, Path: "/leasehold/", Tags }));
    await admin.send(new sdk.CreateAccessKeyCommand({ UserName }));
    expect((await aws.ask("read", "orphans")).data).toMatchObject({
      users: [{ user: UserName, state: "expired orphan" }],
    });
    expect((await aws.ask("write", "adopt")).data).toMatchObject({ adopted: 1 });
    aws.leases.known.clear();
    expect((await aws.ask("write", "tidy")).data).toMatchObject({ removed: 1, left: 0 });
  },

  async "sessions of AWS roles, and cutting them off"({ aws, key, account, simulator, issue }) {
    await aws.ask("write", "config/root", { ...key, validate: false });
    const role_arns = await account.createRole("reader", { tagsToo: true });
    await account.createGroup("builders", { inline: 1, attached: [readOnly] });
    await aws.ask("write", "roles/read", {
      credential_type: "assumed_role",
      role_arns,
      iam_groups: "builders",
      session_tags: { team: "blue" },
      revoke_sessions: true,
    });
    const { end } = await issue("read");
    expect(await end()).toEqual([]);
    const policies = () => [...simulator.account.roles.get("reader").inlinePolicies.keys()];
    expect(policies()).toEqual(["allow", "leasehold-revoked-sessions-aws_4f1c2d3e"]);
    const [entry = ""] = await aws.storage.list("revoked-sessions/");
    const endsAtMs = { over: Date.now() - hourMs };
    await aws.storage.update(`revoked-sessions/${entry}`, (state = {}) => ({ ...state, endsAtMs }));
    await aws.upkeep();
    expect(policies()).toEqual(["allow"]);
  },

  async "federated users, and sessions of the root key's own user"({ aws, key, issue }) {
    await aws.ask("write", "config/root", { ...key, validate: false });
    await aws.ask("write", "roles/guest", {
      credential_type: "federation_token",
      policy_document: tutorialPolicy,
      session_tags: { team: "blue" },
    });
    await aws.ask("write", "roles/own", { credential_type: "session_token" });
    for (const role of ["guest", "own"]) expect(await (await issue(role)).end()).toHaveLength(1);
  },

  async "static roles"({ aws, key, admin }) {
    await aws.ask("write", "config/root", { ...key, validate: false });
    const UserName = "ci";
    await admin.send(new sdk.CreateUserCommand({ UserName }));
    await admin.send(new sdk.CreateAccessKeyCommand({ UserName }));
    const hourly = { username: UserName, rotation_period: "1h" };
    expect(await aws.ask("write", "static-roles/ci", hourly)).toEqual({});
    await aws.ask("delete", "static-roles/ci");
    await admin.send(new sdk.CreateAccessKeyCommand({ UserName }));
    await expect(aws.ask("write", "static-roles/ci", hourly)).rejects.toMatchObject({
      code: "BACKEND_REFUSED",
      message: expect.stringMatching(/used/),
    });
  },

  async "rotating the root key"({ aws, key, admin }) {
    await aws.ask("write", "config/root", { ...key, validate: false });
    const { data, warnings } = await aws.ask("write", "config/rotate-root");
    expect([data?.["access_key"] === key["access_key"], warnings ?? []]).toEqual([false, []]);
    await admin.send(new sdk.CreateAccessKeyCommand({ UserName: rootUser }));
    await expect(aws.ask("write", "config/rotate-root")).rejects.toMatchObject({
      code: "BACKEND_REFUSED",
      message: expect.stringMatching(/used/),
    });
  },
};
