import { didYouMean } from "../../../core/did-you-mean.ts";
import { quote } from "../../../core/errors.ts";

/** Every variable that a template can name. */
export const templateVariables = [
  "caller.name",
  "caller.id",
  "role",
  "mount",
  "lease.id",
  "lease.uuid",
] as const;

/** A variable that a template can name. */
export type TemplateVariable = (typeof templateVariables)[number];

/** What the variables stand for. */
export type TemplateValues = Readonly<Record<TemplateVariable, string>>;

const inBraces = /\{\{([^{}]*)\}\}/g;

/** Says whether a text has variables, or what looks like some. */
export function hasVariables(text: string): boolean {
  return text.includes("{{");
}

/** The variables of a text, as they are written between the braces. */
export function variablesOf(text: string): readonly string[] {
  return [...text.matchAll(inBraces)].map(([, name = ""]) => name.trim());
}

/**
 * Tells what is wrong with a template, to complete "Field … ": a variable that is not known, or braces that name none.
 * Undefined where nothing is.
 */
export function templateProblem(
  text: string,
  known: readonly string[] = templateVariables,
): string | undefined {
  const unknown = variablesOf(text).find((name) => !known.includes(name));
  const all = `The variables are ${known.map((name) => `{{${name}}}`).join(", ")}.`;
  if (unknown !== undefined) {
    const meant = didYouMean(unknown, known);
    const hint = meant === undefined ? "" : ` Did you mean {{${meant}}}?`;
    return `has an unknown variable ${quote(`{{${unknown}}}`)}.${hint} ${all}`;
  }
  // A policy variable of IAM's own, ${…}, must not come to be from a value and the braces around it.
  if (/\{\{\{|\}\}\}|\$(?:\{[^{}]*)?\{\{/.test(text)) {
    return 'has a variable inside one of IAM\'s own, or with "$", "{" or "}" right before or after it, which is not allowed.';
  }
  if (hasVariables(text.replace(inBraces, ""))) return `has "{{" that begins no variable. ${all}`;
  return undefined;
}

/** Puts what `valueFor` answers in place of every variable. The template must have no problem. */
export function renderTemplate(text: string, valueFor: (variable: TemplateVariable) => string): string {
  return text.replaceAll(inBraces, (_, name: string) => {
    const variable = templateVariables.find((known) => known === name.trim());
    if (variable === undefined) throw new Error(`There is no variable {{${name}}}.`);
    return valueFor(variable);
  });
}
