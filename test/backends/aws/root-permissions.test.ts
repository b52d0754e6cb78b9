import { CreateUserCommand, DeleteUserCommand, IAMClient } from "@aws-sdk/client-iam";
import { describe, expect, it } from "vitest";
import { permittedSteps } from "./permitted-steps.ts";
import { documentedStatements, permittedWorld, rootUser, type Statement } from "./permitted-world.ts";

const documented = await documentedStatements();

/** Plays a part with a root key that has these permissions; answers what was called, and what went wrong. */
async function play(part: string, statements: readonly Statement[]) {
  await using world = await permittedWorld(statements);
  const failure = await permittedSteps[part]?.(world).then(
    () => undefined,
    (error: unknown) => error,
  );
  return { failure, ...world.used() };
}

describe("the permissions that docs/backends/aws.md gives for the root key", () => {
  const usedBy = new Map<string, string[]>();

  it.for(Object.keys(permittedSteps))("are enough for %s", async (part) => {
    const { failure, denied, actions } = await play(part, documented);
    if (failure !== undefined) throw failure;
    expect(denied).toEqual([]);
    for (const action of actions) usedBy.set(action, [...(usedBy.get(action) ?? []), part]);
  });

  const each = documented.flatMap(({ Sid, Action }) => Action.map((action) => ({ Sid, action })));

  it.for(each)("are not enough without $action in $Sid", async ({ Sid, action }) => {
    const rest = documented
      .map((statement) =>
        statement.Sid === Sid
          ? { ...statement, Action: statement.Action.filter((other) => other !== action) }
          : statement,
      )
      .filter((statement) => statement.Action.length > 0);
    const parts = usedBy.get(action.split(":")[1] ?? "") ?? Object.keys(permittedSteps);
    let isMissed = false;
    for (const part of parts) {
      const { failure, denied } = await play(part, rest);
      isMissed ||= failure !== undefined || denied.length > 0;
      if (isMissed) break;
    }
    expect(isMissed).toBe(true);
  });

  const several = documented.flatMap(({ Sid, Resource }) =>
    typeof Resource === "string" ? [] : Resource.map((resource) => ({ Sid, resource })),
  );

  it.for(several)("are not enough without $resource in $Sid", async ({ Sid, resource }) => {
    const rest = documented.map((statement) =>
      statement.Sid === Sid
        ? { ...statement, Resource: [statement.Resource].flat().filter((other) => other !== resource) }
        : statement,
    );
    const { failure, denied } = await play("issuing, repeating, renewing and revoking users", rest);
    expect(failure !== undefined || denied.length > 0).toBe(true);
  });

  it("are for leased users, and for the AWS roles that are named, alone", async () => {
    await using world = await permittedWorld(documented);
    await world.aws.ask("write", "config/root", world.key);
    await world.admin.send(new CreateUserCommand({ UserName: "somebody", Path: "/people/" }));
    const credentials = {
      accessKeyId: String(world.key["access_key"]),
      secretAccessKey: String(world.key["secret_key"]),
    };
    const root = new IAMClient({ region: "us-east-1", endpoint: world.simulator.url, credentials });
    for (const UserName of ["somebody", rootUser])
      await expect(root.send(new DeleteUserCommand({ UserName }))).rejects.toMatchObject({
        name: "AccessDenied",
      });
    root.destroy();
    const role_arns = await world.account.createRole("writer", {});
    await world.aws.ask("write", "roles/write", { credential_type: "assumed_role", role_arns });
    await expect(world.issue("write")).rejects.toMatchObject({
      reason: { code: "BACKEND_REFUSED", details: { aws_code: "AccessDenied" } },
    });
  });
});
