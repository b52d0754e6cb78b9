import type { BackendType } from "../../core/backend.ts";
import { kvFolderPath, kvPath } from "./kv-paths.ts";

/** The backend type `kv`: JSON objects at any path, kept sealed. Nothing of it is leased. */
export function kvBackend(): BackendType {
  return {
    type: "kv",
    summary: "Keeps secrets that you write.",
    description:
      "Write any fields to any path, and read them back: they are kept sealed. A write replaces all fields of the path. " +
      "Nothing is leased, and nothing ends by itself.",
    create: ({ storage }) => ({ paths: [kvFolderPath(storage), kvPath(storage)], secretTypes: [] }),
  };
}
