import { CoreError, quote } from "../errors.ts";
import type { Fields, FieldValues } from "../field.ts";
import type { JsonObject } from "../json.ts";
import type { MountStorage } from "../mount-storage.ts";
import { definePath, type PathDefinition } from "../path.ts";
import { loginRoleNameField, loginTokenFields, loginTokenOfFields } from "./login-role.ts";

/** A kind of role that a login method has. */
export interface LoginRoles<F extends Fields> {
  readonly storage: MountStorage;
  /** Where they lie: `role`, `certs`. */
  readonly folder: string;
  readonly description: string;
  /** The fields besides those of the token. */
  readonly fields: F;
  /** What is stored of these, checked; also knows what is there already. Throws `INVALID_FIELD`. */
  readonly store: (fields: FieldValues<F>, before: JsonObject | undefined) => JsonObject;
  /** What is shown of a stored role; all of it unless told. */
  readonly show?: (stored: JsonObject) => JsonObject;
  /** Called once a role is gone, with what it was. */
  readonly onDeleted?: (name: string, stored: JsonObject) => Promise<void>;
}

/** The paths by which the roles of a login method are listed, read, written and deleted. */
export function loginRolePaths<F extends Fields>(roles: LoginRoles<F>): readonly PathDefinition[] {
  const { storage, folder, description, fields, store, show = (stored) => stored } = roles;
  const all: Fields = { ...fields, ...loginTokenFields };
  const list = definePath({
    pattern: `${folder}/`,
    summary: "The roles of this login method.",
    description: `Lists the names of the roles. Write one to ${folder}/<name>.`,
    params: {},
    fields: {},
    operations: {
      list: {
        summary: "Lists the names of the roles.",
        handle: async () => ({
          keys: (await storage.list(`${folder}/`)).filter((name) => !name.endsWith("/")),
        }),
      },
    },
  });
  const one = definePath({
    pattern: `${folder}/:name`,
    summary: "A role: who can log in by it, and what the token may do.",
    description,
    params: { name: loginRoleNameField },
    fields: all,
    exists: async ({ params: { name } }) => (await storage.get(`${folder}/${name}`)) !== undefined,
    operations: {
      read: {
        summary: "Reads a role. Times are in seconds; 0 means not set.",
        handle: async ({ params: { name } }) => ({ data: show(await readLoginRole(storage, folder, name)) }),
      },
      write: {
        summary: "Writes a role in place of the one that has its name.",
        takes: Object.keys(all),
        handle: async ({ params: { name }, fields: given }) => {
          const token = loginTokenOfFields(given as FieldValues<typeof loginTokenFields>);
          await storage.update(`${folder}/${name}`, (before) => ({
            ...store(given as FieldValues<F>, before),
            ...token,
          }));
          return {};
        },
      },
      delete: {
        summary: "Deletes a role. Tokens that were made by it go on, and end as they would have.",
        handle: async ({ params: { name } }) => {
          const stored = await storage.get(`${folder}/${name}`);
          await storage.delete(`${folder}/${name}`);
          if (stored) await roles.onDeleted?.(name, stored);
          return {};
        },
      },
    },
  });
  return [list, one];
}

/** Reads a role. Throws `NO_SUCH_ROLE`. */
export async function readLoginRole(
  storage: MountStorage,
  folder: string,
  name: string,
): Promise<JsonObject> {
  const stored = await storage.get(`${folder}/${name}`);
  if (stored) return stored;
  throw new CoreError(
    "NO_SUCH_ROLE",
    `There is no role ${quote(name)}. List them at ${folder}/, or write this one.`,
    {
      details: { role: name },
    },
  );
}
