import type { JsonObject as Struct } from "@bufbuild/protobuf";
import { CoreError, quote } from "../core/errors.ts";
import type { JsonObject, JsonValue } from "../core/json.ts";

function refuse(field: string, problem: string): never {
  throw new CoreError("INVALID_FIELD", `Field ${quote(field)} ${problem}.`, { details: { field } });
}

// The decoder has bounded the depth already, at 100 messages.
function check(value: JsonValue, field: string): void {
  if (typeof value === "string") {
    if (!value.isWellFormed()) refuse(field, "holds half of a surrogate pair, which no encoding can store");
  } else if (typeof value === "number") {
    if (!Number.isFinite(value)) refuse(field, "holds a number that is not finite, which JSON cannot write");
  } else if (Array.isArray(value)) {
    for (const item of value) check(item, field);
  } else if (typeof value === "object" && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      if (key === "__proto__") refuse(field, 'has a key "__proto__", which is not allowed');
      check(key, field);
      check(item, `${field}.${key}`);
    }
  }
}

/**
 * The fields of a `google.protobuf.Struct` as JSON, in which protobuf-es
 * represents it. Throws `CoreError` `INVALID_FIELD` for what a Struct can
 * carry on the wire and JSON cannot.
 */
export function structToJson(struct: Struct, field: string): JsonObject {
  check(struct, field);
  return struct;
}

/** JSON as the fields of a `google.protobuf.Struct`. */
export function structFromJson(json: JsonObject): Struct {
  return json as Struct;
}
