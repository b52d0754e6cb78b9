import type { BackendType } from "../../../src/core/backend.ts";
import { CoreError } from "../../../src/core/errors.ts";
import type { JsonObject } from "../../../src/core/json.ts";
import type { RequestContext } from "../../../src/core/requests.ts";
import { type CoreHarness, createCoreHarness, type TestServer } from "../../kit/core-harness.ts";

/** A server with one login method. */
export interface LoginScene {
  readonly harness: CoreHarness;
  readonly server: TestServer;
  write(path: string, data?: JsonObject): Promise<JsonObject | undefined>;
  read(path: string): Promise<JsonObject | undefined>;
  /** Logs in; answers the token. */
  logIn(data: JsonObject, context?: Partial<RequestContext>): ReturnType<typeof logInAt>;
  /** Logs in in vain; answers the code of the error, its message, and the reason that the log gets. */
  refusal(
    data: JsonObject,
    context?: Partial<RequestContext>,
  ): Promise<{ readonly code: string; readonly message: string; readonly reason: string }>;
}

const logInAt = (server: TestServer, path: string, data: JsonObject, context: Partial<RequestContext> = {}) =>
  server.ask(
    "login",
    { path: `${path}/login`, data },
    { token: undefined, peer: `10.0.0.${Math.floor(Math.random() * 250)}:1`, ...context },
  );

/** Starts a server with a login method. */
export async function openLoginScene(method: BackendType): Promise<LoginScene> {
  const harness = createCoreHarness();
  const server = await harness.start({ loginMethods: [method] });
  const mount = `auth/${method.type}`;
  return {
    harness,
    server,
    write: async (path, data = {}) => (await server.ask("write", { path: `${mount}/${path}`, data })).data,
    read: async (path) => (await server.ask("read", { path: `${mount}/${path}`, data: {} })).data,
    logIn: (data, context) => logInAt(server, mount, data, context),
    async refusal(data, context) {
      try {
        await logInAt(server, mount, data, context);
      } catch (error) {
        if (!(error instanceof CoreError)) throw error;
        const { code, message, cause } = error;
        return { code, message, reason: cause instanceof Error ? cause.message : "" };
      }
      throw new Error("The login was accepted.");
    },
  };
}
