import { randomUUID } from "node:crypto";
import type { BackendContext, BackendType } from "../../core/backend.ts";
import { boolField, durationField, intField, invalidField, stringField } from "../../core/field.ts";
import type { JsonObject } from "../../core/json.ts";
import {
  loginFailed,
  loginGrantOf,
  loginRoleNameField,
  shownLoginToken,
} from "../../core/login/login-role.ts";
import { loginRolePaths, readLoginRole } from "../../core/login/login-roles-paths.ts";
import { definePath, type PathDefinition } from "../../core/path.ts";
import { createSecretIds, type SecretIds } from "./secret-id.ts";

const folder = "role";
const idEntry = (roleId: string): string => `role-id/${roleId}`;
const roleIdPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** The id of no role. */
const nobodysRoleId = "00000000-0000-0000-0000-000000000000";
const seconds = (ms: number | undefined): number => (ms ?? 0) / 1000;
const numberOf = (value: unknown): number => (typeof value === "number" ? value : 0);

/** The login method `approle`: a workload logs in with the id of its role and a secret that was handed to it. */
export function approleBackend(): BackendType {
  return {
    type: "approle",
    summary: "Lets workloads log in with a role id and a secret id.",
    description:
      "For workloads that have no identity of their own to show. Write a role to role/<name>, read its id at role/<name>/role-id, " +
      "make a secret id at role/<name>/secret-id, and log in with both.",
    create: createApprole,
  };
}

function createApprole({ storage, leases }: BackendContext) {
  const secretIds = createSecretIds(storage);
  const roles = loginRolePaths({
    storage,
    folder,
    description:
      "Whoever has the role's id and one of its secret ids can log in. Secret ids end after secret_id_ttl, and after secret_id_num_uses logins.",
    fields: {
      bind_secret_id: boolField(
        "Whether a secret id is needed. It always is: the role id alone is no secret.",
        {
          defaultText: "true",
        },
      ),
      secret_id_ttl: durationField("How long a secret id can be used; without end where not given."),
      secret_id_num_uses: intField("How often a secret id can be used; 0 means no limit.", {
        min: 0,
        max: 1_000_000,
      }),
    },
    store: (fields, before) => {
      if (fields.bind_secret_id === false)
        throw invalidField(
          "bind_secret_id",
          "must be true: whoever reads the role's id could log in with it.",
        );
      return {
        // The role keeps its id for as long as it is there.
        role_id: before?.role_id ?? randomUUID(),
        bind_secret_id: true,
        secret_id_ttl: seconds(fields.secret_id_ttl),
        secret_id_num_uses: fields.secret_id_num_uses ?? 0,
      };
    },
    show: ({ bind_secret_id, secret_id_ttl, secret_id_num_uses, ...rest }) =>
      ({
        ...{ bind_secret_id, secret_id_ttl, secret_id_num_uses },
        ...shownLoginToken(rest),
      }) as JsonObject,
    async onDeleted(_name, { role_id: roleId }) {
      await storage.delete(idEntry(String(roleId)));
      await secretIds.destroyAll(String(roleId));
    },
  });
  const readRole = (name: string) => readLoginRole(storage, folder, name);
  const nowMs = () => leases.nowMs();
  return {
    secretTypes: [],
    paths: [
      ...roles,
      roleIdPath(readRole, async (name, roleId) => storage.put(idEntry(roleId), { role: name })),
      ...secretIdPaths({ readRole, secretIds, nowMs }),
      loginPath({
        secretIds,
        nowMs,
        findRole: async (roleId) => {
          const found = await storage.get(idEntry(roleId));
          return found && (await storage.get(`${folder}/${String(found.role)}`));
        },
        nameOf: async (roleId) => String((await storage.get(idEntry(roleId)))?.role),
      }),
    ],
    upkeep: async ({ signal }: { readonly signal: AbortSignal }) => secretIds.sweep(await nowMs(), signal),
  };
}

type ReadRole = (name: string) => Promise<JsonObject>;

function roleIdPath(
  readRole: ReadRole,
  remember: (name: string, roleId: string) => Promise<void>,
): PathDefinition {
  return definePath({
    pattern: `${folder}/:name/role-id`,
    summary: "The id of a role, with which its workloads log in.",
    description: "The id says which role is meant; it is no secret as long as a secret id is needed besides.",
    params: { name: loginRoleNameField },
    fields: {},
    operations: {
      read: {
        summary: "Reads the id.",
        handle: async ({ params: { name } }) => {
          const { role_id: roleId } = await readRole(name);
          // Found by its id from now on.
          await remember(name, String(roleId));
          return { data: { role_id: String(roleId) } };
        },
      },
    },
  });
}

function secretIdPaths(options: {
  readonly readRole: ReadRole;
  readonly secretIds: SecretIds;
  readonly nowMs: () => Promise<number>;
}): readonly PathDefinition[] {
  const { readRole, secretIds, nowMs } = options;
  const accessor = stringField("Accessor of the secret id.", { isRequired: true, lengthMax: 64 });
  return [
    definePath({
      pattern: `${folder}/:name/secret-id`,
      summary: "The secret ids of a role.",
      description: "Each is shown once, when it is made; later it is known by its accessor.",
      params: { name: loginRoleNameField },
      fields: {},
      operations: {
        write: {
          summary: "Makes a secret id.",
          handle: async ({ params: { name } }) => {
            const role = await readRole(name);
            const limits = {
              ttlMs: numberOf(role.secret_id_ttl) * 1000,
              usesMax: numberOf(role.secret_id_num_uses),
            };
            const made = await secretIds.make(String(role.role_id), limits, await nowMs());
            return {
              data: {
                secret_id: made.secretId,
                secret_id_accessor: made.accessor,
                secret_id_ttl: numberOf(role.secret_id_ttl),
                secret_id_num_uses: limits.usesMax,
              },
            };
          },
        },
        list: {
          summary: "Lists the accessors of the secret ids.",
          handle: async ({ params: { name } }) => ({
            keys: await secretIds.list(String((await readRole(name)).role_id)),
          }),
        },
      },
    }),
    definePath({
      pattern: `${folder}/:name/secret-id-accessor/destroy`,
      summary: "Ends a secret id.",
      description: "Nobody can log in with it any more; tokens that were made with it go on.",
      params: { name: loginRoleNameField },
      fields: { secret_id_accessor: accessor },
      operations: {
        write: {
          summary: "Ends the secret id with this accessor; one that is not there is fine.",
          takes: ["secret_id_accessor"],
          handle: async ({ params: { name }, fields }) => {
            await secretIds.destroy(String((await readRole(name)).role_id), fields.secret_id_accessor ?? "");
            return {};
          },
        },
      },
    }),
  ];
}

function loginPath(options: {
  readonly secretIds: SecretIds;
  readonly nowMs: () => Promise<number>;
  readonly findRole: (roleId: string) => Promise<JsonObject | undefined>;
  readonly nameOf: (roleId: string) => Promise<string>;
}): PathDefinition {
  const { secretIds, nowMs, findRole, nameOf } = options;
  return definePath({
    pattern: "login",
    summary: "The login.",
    description: "Exchanges a role id and a secret id for a token.",
    params: {},
    fields: {
      role_id: stringField("Id of the role.", { isRequired: true, lengthMax: 128 }),
      secret_id: stringField("A secret id of the role.", {
        isRequired: true,
        isSecret: true,
        lengthMax: 256,
      }),
    },
    operations: {
      write: {
        summary: "Logs in.",
        takes: ["role_id", "secret_id"],
        handle: async ({ fields: { role_id: given = "", secret_id: secretId = "" } }) => {
          // It names what is read of the storage: a secret id in its place is not to be seen there.
          const roleId = roleIdPattern.test(given) ? given : nobodysRoleId;
          const role = await findRole(roleId);
          // Looked up also where there is no such role, so that the time of an answer says nothing.
          const refusal = await secretIds.use(roleId, secretId, await nowMs());
          if (!role || role.role_id !== roleId) throw loginFailed("There is no role with this id.");
          if (refusal !== undefined) throw loginFailed(refusal);
          const name = await nameOf(roleId);
          return {
            login: loginGrantOf(role, { displayName: `approle-${name}`, metadata: { role_name: name } }),
          };
        },
      },
    },
  });
}
