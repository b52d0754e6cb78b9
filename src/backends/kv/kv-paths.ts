import { CoreError, quote } from "../../core/errors.ts";
import { stringField } from "../../core/field.ts";
import type { MountStorage } from "../../core/mount-storage.ts";
import { definePath, type PathDefinition } from "../../core/path.ts";
import { checkKvPath, checkKvValue } from "./kv-limits.ts";

/** The root folder of a mount. */
export function kvFolderPath(storage: MountStorage): PathDefinition {
  return definePath({
    pattern: "",
    summary: "The root folder.",
    description: "Lists what is directly in the mount.",
    params: {},
    fields: {},
    operations: {
      list: {
        summary: "Lists the names in the root folder; a folder ends in a slash.",
        handle: async () => ({ keys: await storage.list("") }),
      },
    },
  });
}

/** Every path of the mount: a secret, a folder, or both. */
export function kvPath(storage: MountStorage): PathDefinition {
  return definePath({
    pattern: ":path*",
    summary: "A secret, or a folder of secrets.",
    description:
      "A secret is a JSON object of at most 32 KiB. Its path has at most 512 bytes and 32 segments. A folder is there " +
      "while there is something in it; a secret and a folder may have the same name.",
    params: { path: stringField("Path of the secret or folder.") },
    fields: {},
    exists: async ({ params: { path } }) => (await storage.get(path)) !== undefined,
    operations: {
      read: {
        summary: "Reads all fields of a secret.",
        handle: async ({ params: { path }, fullPath, mountPath }) => {
          checkKvPath(path);
          const data = await storage.get(path);
          if (data !== undefined) return { data };
          throw new CoreError(
            "NO_SUCH_SECRET",
            `There is no secret at ${quote(fullPath)}. List those there are at "${mountPath}/", or write this one.`,
            { details: { path: fullPath } },
          );
        },
      },
      write: {
        summary: "Writes a secret, with any fields, in place of the one at the path.",
        takes: "any",
        handle: async ({ params: { path }, data, fullPath }) => {
          checkKvPath(path);
          checkKvValue(data, fullPath);
          await storage.put(path, data);
          return {};
        },
      },
      list: {
        summary: "Lists the names in a folder; a folder ends in a slash.",
        handle: async ({ params: { path } }) => {
          checkKvPath(path);
          return { keys: await storage.list(`${path}/`) };
        },
      },
      delete: {
        summary: "Deletes a secret; one that is not there is fine.",
        handle: async ({ params: { path } }) => {
          checkKvPath(path);
          await storage.delete(path);
          return {};
        },
      },
    },
  });
}
