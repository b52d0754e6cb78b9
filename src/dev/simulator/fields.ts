import { awsError, constraintError } from "./aws-error.ts";
import type { Tags } from "./entities.ts";
import type { QueryParameters } from "./query-parameters.ts";

/** How one parameter of an action is read and checked. */
export interface Field<T> {
  readonly read: (parameters: QueryParameters, name: string) => T;
}

/** The fields of an action by the names they have on the wire. */
export type Fields = Record<string, Field<unknown>>;

/** What the fields of an action are read to. */
export type Input<F extends Fields> = { readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never };

interface TextRule {
  readonly minChars?: number;
  readonly maxChars: number;
  readonly pattern?: RegExp;
}

function checkText(name: string, value: string, rule: TextRule): void {
  const minChars = rule.minChars ?? 1;
  if (value.length > rule.maxChars) {
    throw constraintError(name, value, `Member must have length less than or equal to ${rule.maxChars}`);
  }
  if (value.length < minChars) {
    throw constraintError(name, value, `Member must have length greater than or equal to ${minChars}`);
  }
  if (rule.pattern !== undefined && !rule.pattern.test(value)) {
    const pattern = rule.pattern.source.replace(/^\^/, "").replace(/\$$/, "");
    throw constraintError(name, value, `Member must satisfy regular expression pattern: ${pattern}`);
  }
}

/** A text that has to be sent. */
export function text(rule: TextRule): Field<string> {
  return {
    read: (parameters, name) => {
      const value = parameters.get(name);
      if (value === undefined) throw constraintError(name, null, "Member must not be null");
      checkText(name, value, rule);
      return value;
    },
  };
}

/** A field that may be left out. */
export function optional<T>(field: Field<T>): Field<T | undefined> {
  return {
    read: (parameters, name) =>
      parameters.get(name) === undefined ? undefined : field.read(parameters, name),
  };
}

/** One of a few words. */
export function oneOf<const T extends string>(words: readonly T[]): Field<T> {
  return {
    read: (parameters, name) => {
      const value = parameters.get(name);
      const found = words.find((word) => word === value);
      if (found !== undefined) return found;
      const isNull = value === undefined;
      throw isNull
        ? constraintError(name, null, "Member must not be null")
        : constraintError(name, value, `Member must satisfy enum value set: [${words.join(", ")}]`);
    },
  };
}

/** A whole number within limits; the fallback stands for one that was not sent. */
export function integer(limits: { min: number; max: number; fallback: number }): Field<number> {
  return {
    read: (parameters, name) => {
      const value = parameters.get(name);
      if (value === undefined) return limits.fallback;
      const parsed = Number(value);
      if (!/^-?\d+$/.test(value))
        throw awsError("ValidationError", `Value '${value}' at '${name}' is no integer.`);
      if (parsed < limits.min) {
        throw constraintError(name, value, `Member must have value greater than or equal to ${limits.min}`);
      }
      if (parsed > limits.max) {
        throw constraintError(name, value, `Member must have value less than or equal to ${limits.max}`);
      }
      return parsed;
    },
  };
}

/** A truth value; the fallback is false. */
export const flag: Field<boolean> = {
  read: (parameters, name) => parameters.get(name)?.toLowerCase() === "true",
};

const nameSentence = (field: string) =>
  awsError(
    "ValidationError",
    `The specified value for ${field.charAt(0).toLowerCase()}${field.slice(1)} is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-`,
  );

/** The name of a user, group, role or policy, of letters, digits and `+=,.@_-`. */
export function entityName(maxChars: number): Field<string> {
  const length = text({ maxChars });
  return {
    read: (parameters, name) => {
      const value = length.read(parameters, name);
      if (!/^[\w+=,.@-]+$/.test(value)) throw nameSentence(name);
      return value;
    },
  };
}

/** The path of an entity, by default `/`: it begins and ends with a slash. */
export const path: Field<string> = {
  read: (parameters, name) => {
    const value = parameters.get(name) ?? "/";
    checkText(name, value, { maxChars: 512 });
    if (/^\/$|^\/[\u0021-\u007E]+\/$/.test(value)) return value;
    throw awsError(
      "ValidationError",
      `The specified value for ${name.charAt(0).toLowerCase()}${name.slice(1)} is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.`,
    );
  },
};

/** The beginning of a path, by default `/`, which is every path. */
export const pathPrefix: Field<string> = {
  read: (parameters, name) => {
    const value = parameters.get(name) ?? "/";
    checkText(name, value, { maxChars: 512, pattern: /^\/[\u0021-\u007F]*$/ });
    return value;
  },
};

/** The text of a policy, whose grammar is checked by the action. */
export const policyText: Field<string> = text({
  maxChars: 131_072,
  pattern: /^[\u0009\u000A\u000D\u0020-\u00FF]+$/,
});

/** An ARN. */
export const arn: Field<string> = text({ minChars: 20, maxChars: 2048, pattern: /^arn:/ });

/** The id of an access key. */
export const accessKeyId: Field<string> = text({ minChars: 16, maxChars: 128, pattern: /^[\w]+$/ });

/** A list of texts; empty when none was sent. */
export const texts: Field<string[]> = { read: (parameters, name) => parameters.list(name) ?? [] };

const tagCharacters = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;

/** Tags, at most fifty of them, whose keys differ by more than case. */
export const tags: Field<Tags> = {
  read: (parameters, name) => {
    const found: Tags = new Map();
    const entries = parameters.structures(name, "Key") ?? [];
    if (entries.length > 50) {
      throw constraintError(name, "[…]", "Member must have length less than or equal to 50");
    }
    entries.forEach((entry, index) => {
      const at = `tags.${index + 1}.member`;
      const key = entry("Key") ?? "";
      const value = entry("Value");
      checkText(`${at}.key`, key, { maxChars: 128, pattern: tagCharacters });
      if (value === undefined) throw constraintError(`${at}.value`, null, "Member must not be null");
      checkText(`${at}.value`, value, { minChars: 0, maxChars: 256, pattern: tagCharacters });
      if (key.toLowerCase().startsWith("aws:")) {
        throw awsError("InvalidInput", "Tag keys that start with aws: are reserved for system use.");
      }
      if (found.has(key.toLowerCase())) {
        throw awsError(
          "InvalidInput",
          "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
        );
      }
      found.set(key.toLowerCase(), { key, value });
    });
    return found;
  },
};

/** Keys of tags, at most fifty of them. */
export const tagKeys: Field<string[]> = {
  read: (parameters, name) => {
    const keys = parameters.list(name) ?? [];
    if (keys.length > 50) {
      throw constraintError(name, "[…]", "Member must have length less than or equal to 50");
    }
    for (const key of keys) checkText(`${name}.member`, key, { maxChars: 128, pattern: tagCharacters });
    return keys;
  },
};

/** The two parameters of every list. */
export const pageFields = {
  MaxItems: integer({ min: 1, max: 1000, fallback: 100 }),
  Marker: optional(text({ maxChars: 320, pattern: /^[\u0020-\u00FF]+$/ })),
};
