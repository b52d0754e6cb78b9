import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { AuthService } from "../../gen/leasehold/v1/auth_pb.ts";
import { FakeServer, Refusal } from "./fake-server.ts";
import { type Ran, run } from "./run.ts";

let server: FakeServer;
let cwd: string;

const secret = "the secret of the test";

beforeAll(async () => {
  server = await new FakeServer()
    .on(AuthService.method.login, ({ path, data }) => {
      if (data?.role === "nobody")
        throw new Refusal("The login was not accepted.", {
          code: status.UNAUTHENTICATED,
          reason: "LOGIN_FAILED",
        });
      const metadata = { path, ...(data as Record<string, string>) };
      const info = { accessor: "a1", policies: ["ci", "default"], ttl: { seconds: 300n }, metadata };
      return { token: "lh.made", info, warnings: ["Mind the gap."] };
    })
    .start();
});
afterAll(() => server.stop());
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), "leasehold-login-"));
  writeFileSync(join(cwd, "secret"), `${secret}\n`);
});
afterEach(() => rmSync(cwd, { recursive: true }));

const login = (argv: readonly string[], stdin = ""): Promise<Ran> =>
  run(["login", ...argv], { cwd, stdin, env: { LEASEHOLD_ADDR: server.address, LEASEHOLD_TOKEN: "lh.old" } });

describe("login", () => {
  test.each([
    [["approle", "--role-id", "r1", "--secret-id", "@secret"], "", { role_id: "r1", secret_id: secret }],
    [["approle", "--role-id", "r1", "--secret-id", "-"], "piped\n", { role_id: "r1", secret_id: "piped" }],
    [["jwt", "--role", "ci", "--jwt", "@secret"], "", { role: "ci", jwt: secret }],
    [["jwt", "--jwt", "-"], "e.y.J", { role: "", jwt: "e.y.J" }],
    [["cert", "--role", "ci"], "", { name: "ci" }],
    [["cert"], "", {}],
  ])("by %j sends what the method takes, and no token", async (argv, stdin, sent) => {
    const { exitCode, stdout } = await login(["--format=json", "--method", ...argv], stdin);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      ...{ token: "lh.made", accessor: "a1", ttl: 300, policies: ["ci", "default"] },
      metadata: { path: `auth/${argv[0]}/login`, ...sent },
    });
    expect(server.calls.at(-1)?.authorization).toBeUndefined();
  });

  test("prints the token and what it is, and warnings apart from it", async () => {
    const { exitCode, stdout, stderr } = await login(["--method", "cert"]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^token +lh\.made$/m);
    expect(stdout).toMatch(/^accessor +a1$/m);
    expect(stderr).toBe("Warning: Mind the gap.\n");
  });

  test.each([
    [[], "--method must be one of"],
    [["--method", "ldap"], '"ldap"'],
    [["--method", "jwt"], "--jwt must be @file"],
    [["--method", "jwt", "--jwt", secret], "--jwt must be @file"],
    [["--method", "jwt", "--jwt", "@missing"], "no such file"],
    [["--method", "approle", "--secret-id", "@secret"], "--role-id is missing"],
    [["--method", "approle", "--role-id", "r1"], "--secret-id must be @file"],
    [["--method", "approle", "--role-id", "r1", "--secret-id", secret], "--secret-id must be @file"],
  ])("with %j is a wrong use, and repeats no secret", async (argv, why) => {
    const before = server.calls.length;
    const { exitCode, stderr } = await login(argv);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(why);
    expect(stderr).not.toContain(secret);
    expect(server.calls).toHaveLength(before);
  });

  test("that is refused exits 1, with nothing on stdout", async () => {
    const { exitCode, stdout, stderr } = await login([
      "--method",
      "jwt",
      "--role",
      "nobody",
      "--jwt",
      "@secret",
    ]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
    expect(stderr).toContain("The login was not accepted.");
    expect(stderr).not.toContain(secret);
  });
});
