import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { approleBackend } from "../../../src/backends/approle/approle-backend.ts";
import { type LoginScene, openLoginScene } from "./login-scene.ts";

let scene: LoginScene;
beforeEach(async () => {
  scene = await openLoginScene(approleBackend());
});
afterEach(() => scene.harness.stop());

async function role(fields: object = {}) {
  await scene.write("role/ci", { token_policies: ["deploy"], token_ttl: "5m", ...fields });
  const roleId = String((await scene.read("role/ci/role-id"))?.role_id);
  const made = await scene.write("role/ci/secret-id");
  return { role_id: roleId, secret_id: String(made?.secret_id), accessor: String(made?.secret_id_accessor) };
}

describe("the login method approle", () => {
  test("exchanges a role id and a secret id for a token of the role", async () => {
    const { role_id, secret_id } = await role();
    const { token, view } = await scene.logIn({ role_id, secret_id });
    expect(view).toMatchObject({
      displayName: "approle-ci",
      policies: ["default", "deploy"],
      metadata: { role_name: "ci" },
      lease: { ttlMs: 300_000 },
    });
    expect((await scene.server.ask("lookupSelf", {}, { token })).accessor).toBe(view.accessor);
  });

  test("refuses all else in the same words, and tells the log why", async () => {
    const { role_id, secret_id, accessor } = await role({ secret_id_num_uses: 2, secret_id_ttl: "1m" });
    const other = String((await scene.write("role/ci/secret-id"))?.secret_id);
    await scene.logIn({ role_id, secret_id });
    const refusals = [
      await scene.refusal({ role_id, secret_id: "wrong" }),
      await scene.refusal({ role_id: "no-such-role", secret_id }),
    ];
    await scene.write("role/ci/secret-id-accessor/destroy", { secret_id_accessor: accessor });
    refusals.push(await scene.refusal({ role_id, secret_id }));
    await scene.harness.clock.advance(60_000);
    refusals.push(await scene.refusal({ role_id, secret_id: other }));
    expect(new Set(refusals.map(({ code, message }) => `${code} ${message}`)).size).toBe(1);
    expect(refusals[0]?.code).toBe("LOGIN_FAILED");
    expect(refusals.at(-1)?.reason).toMatch(/expired|no such/);
  });

  test("lets one of two have the last use of a secret id", async () => {
    const { role_id, secret_id } = await role({ secret_id_num_uses: 1 });
    const logins = await Promise.allSettled([
      scene.logIn({ role_id, secret_id }),
      scene.logIn({ role_id, secret_id }),
    ]);
    expect(logins.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });

  test("removes secret ids that are over, and all of a role that is deleted", async () => {
    const { role_id, secret_id } = await role({ secret_id_ttl: "30s" });
    await scene.harness.clock.advance(120_000);
    const listed = () => scene.server.ask("list", { path: "auth/approle/role/ci/secret-id" });
    expect((await listed()).keys).toEqual([]);
    await scene.write("role/ci/secret-id");
    await scene.server.ask("delete", { path: "auth/approle/role/ci" });
    expect((await scene.refusal({ role_id, secret_id })).code).toBe("LOGIN_FAILED");
  });

  test("needs a secret id: the role id alone is no secret", async () => {
    const { role_id } = await role();
    expect((await scene.refusal({ role_id })).code).toBe("INVALID_FIELD");
  });

  test("lets any number log in at once with a secret id that has no limit", async () => {
    const { role_id, secret_id } = await role();
    const logins = Array.from({ length: 40 }, () => scene.logIn({ role_id, secret_id }));
    expect(await Promise.all(logins)).toHaveLength(40);
  });

  test("keeps nothing of a secret id once it is used up, and of a role once it is deleted", async () => {
    const { role_id, secret_id } = await role({ secret_id_num_uses: 1, secret_id_ttl: "1h" });
    await scene.logIn({ role_id, secret_id });
    const stored = () => [...scene.harness.storage.values().keys()].filter((key) => key.includes("secret"));
    expect(stored()).toEqual([]);
    await scene.write("role/ci/secret-id");
    expect(stored()).toHaveLength(3);
    expect(stored().join()).not.toContain(secret_id);
    await scene.server.ask("delete", { path: "auth/approle/role/ci" });
    expect(stored()).toEqual([]);
  });

  test("gives a role that is made anew another id, so that secret ids of before fit it never", async () => {
    const before = await role();
    await scene.server.ask("delete", { path: "auth/approle/role/ci" });
    const after = await role();
    expect(after.role_id).not.toBe(before.role_id);
    const mixed = { role_id: after.role_id, secret_id: before.secret_id };
    expect((await scene.refusal(mixed)).code).toBe("LOGIN_FAILED");
  });

  test.each([
    [{ token_policies: ["root"] }, "token_policies"],
    [{ token_ttl: "2h", token_max_ttl: "1h" }, "token_ttl"],
    [{ token_num_uses: -1 }, "token_num_uses"],
    [{ bind_secret_id: false }, "bind_secret_id"],
    [{ tokenpolicies: [] }, "tokenpolicies"],
  ])("takes no role with %j", async (fields, name) => {
    await expect(scene.write("role/ci", fields)).rejects.toMatchObject({
      message: expect.stringContaining(name),
    });
  });

  test("is reached by whoever has no token at its login alone", async () => {
    for (const path of ["auth/approle/role/ci", "auth/token/create", "kv/x", "auth/approle"])
      await expect(scene.server.ask("login", { path, data: {} }, { token: undefined })).rejects.toMatchObject(
        { code: expect.stringMatching(/UNSUPPORTED_OPERATION|NO_MOUNT/) },
      );
    await expect(scene.write("login", { role_id: "x" })).rejects.toBeDefined();
  });
});
