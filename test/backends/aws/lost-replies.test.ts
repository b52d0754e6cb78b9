import { IAMClient, ListUsersCommand } from "@aws-sdk/client-iam";
import { expect, it } from "vitest";
import type { JsonObject } from "../../../src/core/json.ts";
import { tutorialPolicy } from "./mounted-aws.ts";
import { permittedWorld, type Statement } from "./permitted-world.ts";

const everything: Statement[] = [{ Sid: "All", Effect: "Allow", Action: ["*"], Resource: "*" }];
const policy_document = tutorialPolicy;

const cases: readonly (readonly [credentialType: string, actions: readonly string[], role: JsonObject])[] = [
  [
    "iam_user",
    ["CreateUser", "PutUserPolicy", "CreateAccessKey", "DeleteAccessKey", "DeleteUserPolicy", "DeleteUser"],
    { policy_document },
  ],
  ["assumed_role", ["AssumeRole", "PutRolePolicy"], { revoke_sessions: true }],
  ["federation_token", ["GetFederationToken"], { policy_document }],
  ["session_token", ["GetSessionToken"], {}],
];

it.for(cases.flatMap(([type, actions, role]) => actions.map((action) => ({ type, action, role }))))(
  "a lease of type $type ends with nothing that works and nothing left, though the reply to $action is lost",
  async ({ type, action, role }) => {
    await using world = await permittedWorld(everything);
    const { aws, account, simulator } = world;
    await aws.ask("write", "config/root", { ...world.key, validate: false });
    const role_arns = type === "assumed_role" ? [await account.createRole("reader", {})] : [];
    await aws.ask("write", "roles/deploy", {
      credential_type: type,
      ...role,
      ...(role_arns.length === 0 ? {} : { role_arns }),
    });
    simulator.faults.add({ kind: "lose-reply", actions: [action], times: 1 });
    const { secret, end } = await world.issue("deploy");
    const keys = [...simulator.account.users.all()].flatMap((user) =>
      user.path === "/leasehold/" ? [...user.accessKeys.keys()] : [],
    );
    if (type === "iam_user") expect(keys).toEqual([secret["access_key"]]);
    else expect(simulator.account.sessions.get(String(secret["access_key"]))).toBeDefined();
    // What does not get through is tried again, some time later.
    await end().catch(() => {
      world.advance(120_000);
      return end();
    });

    expect(simulator.faults.list().map(({ struck }) => struck)).toEqual([1]);
    expect([...simulator.account.users.all()].filter(({ path }) => path === "/leasehold/")).toEqual([]);
    if (type !== "assumed_role") return;
    // Also the session whose credentials were told to nobody.
    for (const session of simulator.account.sessions.values()) {
      const sessionToken = session.token;
      const credentials = { accessKeyId: session.accessKeyId, secretAccessKey: session.secret, sessionToken };
      const client = new IAMClient({ region: "us-east-1", endpoint: simulator.url, credentials });
      await expect(client.send(new ListUsersCommand({}))).rejects.toMatchObject({ name: "AccessDenied" });
      client.destroy();
    }
  },
);
