import type { Tags } from "../iam.ts";
import { hasVariables, renderTemplate, type TemplateValues } from "./template.ts";

/** What keys and values of tags are made of. Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html */
export const tagCharacters = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;

/** Longest value of a tag, in characters. */
export const tagValueLengthMax = 256;

/** Puts values in place of the variables of tags. Characters that tags cannot have become `_`, and what is too long is cut. */
export function renderTags(tags: Tags, values: TemplateValues): Tags {
  if (!Object.values(tags).some(hasVariables)) return tags;
  return Object.fromEntries(
    Object.entries(tags).map(([key, template]) => {
      const value = renderTemplate(template, (variable) =>
        values[variable].replace(/[^\p{L}\p{Z}\p{N}_.:/=+\-@]/gu, "_"),
      );
      // A character of two units may have been cut in half.
      return [key, value.slice(0, tagValueLengthMax).replace(/[\ud800-\udbff]$/, "")];
    }),
  );
}
