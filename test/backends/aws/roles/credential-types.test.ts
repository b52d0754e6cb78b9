import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../../../src/core/json.ts";
import { mountAws, tutorialPolicy } from "../mounted-aws.ts";

const readOnly = "arn:aws:iam::aws:policy/ReadOnlyAccess";
const deployRole = "arn:aws:iam::111122223333:role/deploy";
const otherRole = "arn:aws:iam::444455556666:role/ci/deploy";
const arns = (count: number) => Array.from({ length: count }, (_, at) => readOnly + at);

const bareRoles = {
  iam_user: { credential_type: "iam_user", policy_arns: [readOnly] },
  assumed_role: { credential_type: "assumed_role", role_arns: [deployRole] },
  federation_token: { credential_type: "federation_token", policy_arns: [readOnly] },
  session_token: { credential_type: "session_token" },
} as const;

const write = (data: JsonObject) => mountAws().ask("write", "roles/deploy", data);

describe("roles of each credential type", () => {
  it.each<[string, JsonObject]>([
    [
      "iam_user",
      {
        policy_document: JSON.stringify(tutorialPolicy),
        policy_arns: [readOnly],
        iam_groups: ["builders"],
        iam_tags: { team: "{{caller.name}}" },
        permissions_boundary_arn: readOnly,
        user_path: "/ci/",
        deadmans_switch: true,
        deadmans_switch_grace: 600,
      },
    ],
    [
      "assumed_role",
      {
        policy_document: JSON.stringify(tutorialPolicy),
        policy_arns: arns(10),
        role_arns: [deployRole],
        iam_groups: ["builders"],
        external_id: "partner:42",
        session_tags: { team: "blue" },
        revoke_sessions: true,
      },
    ],
    [
      "federation_token",
      {
        policy_document: JSON.stringify(tutorialPolicy),
        policy_arns: [readOnly],
        iam_groups: ["builders"],
        session_tags: { lease: "{{lease.id}}" },
      },
    ],
    ["session_token", { mfa_serial_number: "arn:aws:iam::111122223333:mfa/root-key" }],
  ])(
    "can have, as %s, every field that applies, and are written the way they are read",
    async (type, own) => {
      const aws = mountAws();
      const role = { credential_type: type, ...own, default_ttl: 1800, max_ttl: 7200, max_leases: 5 };
      await aws.ask("write", "roles/deploy", role);
      const { data = {} } = await aws.ask("read", "roles/deploy");
      expect(data).toEqual(role);
      await aws.ask("write", "roles/again", data);
      expect((await aws.ask("read", "roles/again")).data).toEqual(data);
    },
  );

  it.each(Object.values(bareRoles))(
    "are written the way they are read where nothing is set: %o",
    async (role) => {
      const aws = mountAws();
      await aws.ask("write", "roles/deploy", role);
      const { data = {} } = await aws.ask("read", "roles/deploy");
      await aws.ask("write", "roles/again", data);
      expect((await aws.ask("read", "roles/again")).data).toEqual(data);
    },
  );

  it("take the type as a list of one", async () => {
    const aws = mountAws();
    await aws.ask("write", "roles/deploy", {
      ...bareRoles.session_token,
      credential_type: ["session_token"],
    });
    expect((await aws.ask("read", "roles/deploy")).data).toMatchObject({ credential_type: "session_token" });
    for (const types of [[], ["iam_user", "federation_token"], [null]]) {
      await expect(write({ credential_type: types, policy_arns: [readOnly] })).rejects.toMatchObject({
        code: "INVALID_FIELD",
        details: { field: "credential_type" },
      });
    }
  });

  it("take the old name of ARNs for what their type is made with", async () => {
    const aws = mountAws();
    const { warnings } = await aws.ask("write", "roles/deploy", {
      credential_type: "assumed_role",
      arn: deployRole,
    });
    expect(warnings).toEqual([expect.stringContaining('"role_arns"')]);
    expect((await aws.ask("read", "roles/deploy")).data).toMatchObject({
      role_arns: [deployRole],
      policy_arns: [],
    });
    await expect(write({ arn: deployRole })).rejects.toMatchObject({
      code: "INVALID_FIELD",
      details: { field: "arn" },
      message: expect.stringContaining("assumed_role"),
    });
    await expect(write({ credential_type: "assumed_role", arn: readOnly })).rejects.toMatchObject({
      details: { field: "arn" },
    });
    await expect(write({ ...bareRoles.assumed_role, arn: deployRole })).rejects.toMatchObject({
      details: { field: "arn" },
    });
  });

  it.each<[string, keyof typeof bareRoles, JsonObject, string]>([
    ["AWS roles for a user", "iam_user", { role_arns: [deployRole] }, "role_arns"],
    ["an external id for a user", "iam_user", { external_id: "x1" }, "external_id"],
    ["session tags for a user", "iam_user", { session_tags: { a: "b" } }, "session_tags"],
    ["an MFA device for a user", "iam_user", { mfa_serial_number: "GAHT12345678" }, "mfa_serial_number"],
    ["cutting off sessions of a user", "iam_user", { revoke_sessions: true }, "revoke_sessions"],
    ["no AWS role to assume", "assumed_role", { role_arns: [] }, "role_arns"],
    ["what is no AWS role", "assumed_role", { role_arns: [readOnly] }, "role_arns"],
    ["a path for a session", "assumed_role", { user_path: "/ci/" }, "user_path"],
    ["user tags for a session", "assumed_role", { iam_tags: { a: "b" } }, "iam_tags"],
    [
      "a boundary for a session",
      "assumed_role",
      { permissions_boundary_arn: readOnly },
      "permissions_boundary_arn",
    ],
    ["a dead man's switch for a session", "assumed_role", { deadmans_switch: true }, "deadmans_switch"],
    ["eleven session policies", "assumed_role", { policy_arns: arns(11) }, "policy_arns"],
    ["too short a TTL of an AWS role", "assumed_role", { default_ttl: "14m" }, "default_ttl"],
    ["too long a TTL of an AWS role", "assumed_role", { default_ttl: "13h" }, "default_ttl"],
    ["too long a maximum of an AWS role", "assumed_role", { max_ttl: "13h" }, "max_ttl"],
    ["a maximum below the shortest session", "federation_token", { max_ttl: "10m" }, "max_ttl"],
    ["an odd external id", "assumed_role", { external_id: "a b" }, "external_id"],
    ["a reserved session tag", "assumed_role", { session_tags: { "aws:x": "y" } }, "session_tags"],
    [
      "cutting off sessions in several accounts",
      "assumed_role",
      { role_arns: [deployRole, otherRole], revoke_sessions: true },
      "revoke_sessions",
    ],
    ["a federated user that may do nothing", "federation_token", { policy_arns: [] }, "policy_document"],
    ["AWS roles for a federated user", "federation_token", { role_arns: [deployRole] }, "role_arns"],
    ["an external id for a federated user", "federation_token", { external_id: "x1" }, "external_id"],
    ["eleven policies of a federated user", "federation_token", { policy_arns: arns(11) }, "policy_arns"],
    ["too long a TTL of a federated user", "federation_token", { default_ttl: "37h" }, "default_ttl"],
    ["a policy for a session token", "session_token", { policy_document: tutorialPolicy }, "policy_document"],
    ["policies for a session token", "session_token", { policy_arns: [readOnly] }, "policy_arns"],
    ["groups for a session token", "session_token", { iam_groups: ["builders"] }, "iam_groups"],
    ["tags for a session token", "session_token", { session_tags: { a: "b" } }, "session_tags"],
    ["too short a TTL of a session token", "session_token", { default_ttl: 899 }, "default_ttl"],
    ["a TTL below a second", "iam_user", { default_ttl: "500ms" }, "default_ttl"],
    [
      "a grace of no switch",
      "iam_user",
      { deadmans_switch: false, deadmans_switch_grace: 60 },
      "deadmans_switch_grace",
    ],
    ["too long a grace", "iam_user", { deadmans_switch_grace: "25h" }, "deadmans_switch_grace"],
    ["a tag with an unknown variable", "iam_user", { iam_tags: { a: "{{caller.nam}}" } }, "iam_tags"],
  ])("refuse %s", async (_, type, change, field) => {
    await expect(write({ ...bareRoles[type], ...change })).rejects.toMatchObject({
      code: "INVALID_FIELD",
      details: { field },
    });
  });

  it("count the policy of a session without the guard, as AWS does", async () => {
    const sized = (length: number) => ({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Action: "s3:*", Resource: `arn:aws:s3:::${"b".repeat(length)}` }],
    });
    const room = 2048 - JSON.stringify(sized(0)).length;
    const { warnings } = await write({ ...bareRoles.assumed_role, policy_document: sized(room) });
    expect(warnings).toEqual([]);
    const withTags = { policy_document: sized(room), session_tags: { team: "blue" } };
    expect((await write({ ...bareRoles.assumed_role, ...withTags })).warnings).toEqual([
      expect.stringContaining("PackedPolicyTooLarge"),
    ]);
    await expect(
      write({ ...bareRoles.assumed_role, policy_document: sized(room + 1) }),
    ).rejects.toMatchObject({ code: "INVALID_POLICY", message: expect.stringContaining("2049") });
    await expect(write({ policy_document: sized(room) })).rejects.toMatchObject({ code: "INVALID_POLICY" });
  });

  it("warn where users have no dead man's switch", async () => {
    const { warnings } = await write({ ...bareRoles.iam_user, deadmans_switch: false });
    expect(warnings).toEqual([expect.stringContaining("dead man's switch")]);
  });
});
