import { AuthService } from "../../gen/leasehold/v1/auth_pb.ts";
import { withSession } from "./client.ts";
import { flagValue, type Invocation } from "./command.ts";
import { UsageError } from "./errors.ts";
import { Input } from "./input.ts";
import { showIssuedToken } from "./tokens.ts";

const methods = ["approle", "cert", "jwt"];

/** `leasehold login --method METHOD …`. */
export async function login(invocation: Invocation): Promise<number> {
  const method = flagValue(invocation, "method");
  if (method === undefined || !methods.includes(method))
    throw new UsageError(
      `--method must be one of ${methods.join(", ")}${method === undefined ? "" : `, not "${method}"`}`,
    );
  const data = await identity(invocation, method);
  // A token that is set is of no use here, and one that has ended may still be.
  const withoutToken = { ...invocation, settings: () => ({ ...invocation.settings(), token: undefined }) };
  const issued = await withSession(withoutToken, (session) =>
    session.call(AuthService.method.login, { path: `auth/${method}/login`, data }, { doing: "logging in" }),
  );
  showIssuedToken(invocation, issued);
  return 0;
}

async function identity(invocation: Invocation, method: string): Promise<Record<string, string>> {
  const input = new Input(invocation.io);
  const role = flagValue(invocation, "role") ?? "";
  const secret = async (flag: string): Promise<string> => {
    const text = flagValue(invocation, flag);
    if (text !== "-" && !text?.startsWith("@"))
      throw new UsageError(`--${flag} must be @file, or - for the standard input`);
    const read = text === "-" ? input.stdin(`--${flag}`) : input.file(text.slice(1), `--${flag}`);
    return (await read).trim();
  };
  if (method === "cert") return role === "" ? {} : { name: role };
  if (method === "jwt") return { role, jwt: await secret("jwt") };
  const roleId = flagValue(invocation, "role-id");
  if (roleId === undefined) throw new UsageError("--role-id is missing; approle needs it");
  return { role_id: roleId, secret_id: await secret("secret-id") };
}
