import type { BackendType } from "./backend.ts";
import type { Fields } from "./field.ts";
import type { PathDefinition } from "./path.ts";
import type { FieldHelp, PathHelp } from "./requests.ts";

/** Help for a mount: what its backend is, and its paths. */
export function mountHelp(mountPath: string, type: BackendType, paths: readonly PathDefinition[]): PathHelp {
  return {
    path: mountPath,
    summary: type.summary,
    description: type.description,
    operations: [],
    fields: [],
    paths: paths.map(({ pattern, summary }) => ({ pattern: `${mountPath}/${pattern}`, summary })),
  };
}

/** Help for a path, from the definition that also parses its requests. */
export function pathHelp(mountPath: string, definition: PathDefinition): PathHelp {
  const operations = Object.entries(definition.operations);
  const takenBy = (field: string) =>
    operations.filter(([, { takes }]) => takes === "any" || takes?.includes(field)).map(([name]) => name);
  return {
    path: `${mountPath}/${definition.pattern}`,
    summary: definition.summary,
    description: definition.description,
    operations: operations.map(([name, { summary }]) => ({ name, summary })),
    fields: [
      ...fieldHelp(definition.params, { isInPath: true, takenBy: () => operations.map(([name]) => name) }),
      ...fieldHelp(definition.fields, { isInPath: false, takenBy }),
    ],
    paths: [],
  };
}

function fieldHelp(
  fields: Fields,
  options: { readonly isInPath: boolean; readonly takenBy: (field: string) => readonly string[] },
): FieldHelp[] {
  return Object.entries(fields).map(([name, field]) => ({
    name,
    type: field.type,
    description: field.description,
    defaultText: field.defaultText,
    isRequired: field.isRequired || options.isInPath,
    isInPath: options.isInPath,
    operations: options.takenBy(name),
  }));
}
