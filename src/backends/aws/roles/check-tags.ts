import { quote } from "../../../core/errors.ts";
import { invalidField } from "../../../core/field.ts";
import type { Tags } from "../iam.ts";
import { ownTagCount, reservedTagPrefix } from "../tags.ts";
import { tagCharacters, tagValueLengthMax } from "../templates/tag-template.ts";
import { renderTemplate, templateProblem } from "../templates/template.ts";

const tagKeyLengthMax = 128;
/** AWS's limit for the tags of a user, and of a session. Sources: IAM quotas; API reference of AssumeRole, `Tags`. */
const tagCountMax = 50;

/** Checks the tags of a role's users or sessions, and the variables in their values. Throws `INVALID_FIELD`. */
export function checkTags(tags: Tags, field: "iam_tags" | "session_tags"): void {
  const own = field === "iam_tags" ? ownTagCount : 0;
  const entries = Object.entries(tags);
  if (entries.length > tagCountMax - own) {
    throw invalidField(
      field,
      `must hold at most ${tagCountMax - own} tags${own === 0 ? "" : `, since IAM allows ${tagCountMax} and leasehold sets ${own}`}; it holds ${entries.length}.`,
    );
  }
  const seen = new Set<string>();
  for (const [key, value] of entries) {
    checkTag(key, value, field);
    const lower = key.toLowerCase();
    if (seen.has(lower)) throw invalidField(field, `has the tag ${quote(key)} twice; case does not count.`);
    seen.add(lower);
  }
}

function checkTag(key: string, value: string, field: string): void {
  const lower = key.toLowerCase();
  if (lower.startsWith(reservedTagPrefix) || lower.startsWith("aws:")) {
    throw invalidField(field, `must not hold ${quote(key)}: "leasehold:" and "aws:" are reserved.`);
  }
  const problem = templateProblem(value);
  if (problem !== undefined) throw invalidField(field, `has a tag ${quote(key)} that ${problem}`);
  const literal = renderTemplate(value, () => "");
  if (key.length < 1 || key.length > tagKeyLengthMax || literal.length > tagValueLengthMax) {
    throw invalidField(
      field,
      `has a tag ${quote(key)} that is too long: a key has 1 to ${tagKeyLengthMax} characters, a value at most ${tagValueLengthMax}.`,
    );
  }
  if (!tagCharacters.test(key) || !tagCharacters.test(literal)) {
    throw invalidField(
      field,
      `has a tag ${quote(key)} with characters other than letters, digits, spaces and _.:/=+-@`,
    );
  }
}
