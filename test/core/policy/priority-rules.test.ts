import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createAcl } from "../../../src/core/policy/acl.ts";
import type { Capability } from "../../../src/core/policy/policy.ts";
import { bySpeciality, createPattern } from "../../../src/core/policy/policy-pattern.ts";
import { aclOf, type Rules } from "./acl-of.ts";
import { priorityCases as cases } from "./priority-cases.ts";

describe("the priority rules", () => {
  test("are at least sixty", () => {
    expect(cases.length).toBeGreaterThanOrEqual(60);
  });

  test.each(cases)("%s", (_rule, policies, path, decides, isAllowed) => {
    for (const order of [policies, policies.toReversed()]) {
      const answer = aclOf(...order).decide({ path, capability: "read" });
      expect([answer.rule?.pattern ?? "", answer.isAllowed]).toEqual([decides, isAllowed]);
    }
  });

  test("let a folder be listed with its slash by a rule without", () => {
    const acl = aclOf({ "secret/a": ["list"], "secret/b/": ["list"] });
    const list = (path: string) => acl.decide({ path, capability: "list" }).isAllowed;
    expect([list("secret/a/"), list("secret/a"), list("secret/b/"), list("secret/b")]).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });

  test.each<[string, Rules, string, string, boolean]>([
    ["a plus for its name", { "kv/+": ["list"] }, "kv/a/", "kv/+", true],
    ["a plus for its name that denies", { "kv/*": ["list"], "kv/+": ["deny"] }, "kv/a/", "kv/+", false],
    ["a plus with a slash", { "kv/+/": ["list"] }, "kv/a/", "kv/+/", true],
    ["a glob after its slash", { "kv/a/*": ["list"] }, "kv/a/", "kv/a/*", true],
    ["a glob after its slash that denies", { "*": ["list"], "kv/*": ["deny"] }, "kv/", "kv/*", false],
    ["its slash before its name", { "kv/a/": ["deny"], "kv/a": ["list"] }, "kv/a/", "kv/a/", false],
    ["its name before a glob", { "kv/a": ["deny"], "kv/a/*": ["list"] }, "kv/a/", "kv/a", false],
  ])("have a folder listed by %s", (_what, rules, path, decides, isAllowed) => {
    const answer = aclOf(rules).decide({ path, capability: "list" });
    expect([answer.rule?.pattern, answer.isAllowed]).toEqual([decides, isAllowed]);
  });

  test("look at a folder's name for listing alone", () => {
    const acl = aclOf({ "kv/+": ["list", "read"] });
    expect(acl.decide({ path: "kv/a/", capability: "read" }).rule).toBeUndefined();
  });

  test("allow root everything", () => {
    const acl = createAcl([{ name: "root", policy: { rules: [] } }]);
    expect(acl.decide({ path: "sys/x", capability: "sudo" }).isAllowed).toBe(true);
  });

  test("decide as a slow and obvious reading of the document does", () => {
    const word = fc.constantFrom("a", "b", "ab", "+");
    const pattern = fc
      .tuple(fc.array(word, { minLength: 1, maxLength: 4 }), fc.constantFrom("", "*", "/*"))
      .map(([words, end]) => (end === "*" && words.at(-1) === "+" ? words.join("/") : words.join("/") + end));
    const path = fc
      .tuple(
        fc.array(fc.constantFrom("a", "b", "ab", "ba"), { minLength: 1, maxLength: 5 }),
        fc.constantFrom("", "/"),
      )
      .map(([words, end]) => words.join("/") + end);
    const asRegExp = (text: string) =>
      new RegExp(
        `^${text
          .split("/")
          .map((part) => (part === "+" ? "[^/]*" : part.replace("*", ".*")))
          .join("/")}$`,
      );
    const lower = (one: string, other: string): boolean => {
      const first = (text: string) =>
        text.search(/[+*]/) === -1 ? Number.POSITIVE_INFINITY : text.search(/[+*]/);
      const plus = (text: string) => text.split("+").length;
      if (first(one) !== first(other)) return first(one) < first(other);
      if (one.endsWith("*") !== other.endsWith("*")) return one.endsWith("*");
      if (plus(one) !== plus(other)) return plus(one) > plus(other);
      if (one.length !== other.length) return one.length < other.length;
      return one < other;
    };
    fc.assert(
      fc.property(fc.uniqueArray(pattern, { maxLength: 6 }), path, (patterns, asked) => {
        const matching = patterns.filter((one) => asRegExp(one).test(asked));
        expect(matching).toEqual(patterns.filter((one) => createPattern(one).matches(asked)));
        const wanted = matching.find((one) => matching.every((other) => other === one || lower(other, one)));
        const rules = Object.fromEntries(patterns.map((one) => [one, ["read"]]));
        expect(aclOf(rules).decide({ path: asked, capability: "read" }).rule?.pattern).toBe(wanted);
        for (const one of matching)
          for (const other of matching)
            expect(Math.sign(bySpeciality(one, other))).toBe(-Math.sign(bySpeciality(other, one)) || 0);
      }),
      { numRuns: 3000 },
    );
  });

  test("join what any number of policies say at the same path as a slow reading does, in whatever order", () => {
    const pattern = fc.constantFrom("a", "a*", "+", "a/+", "a/*", "*");
    const some = fc.uniqueArray(fc.constantFrom<Capability>("read", "list", "sudo", "deny"));
    const policies = fc.array(fc.dictionary(pattern, some, { maxKeys: 4 }), { maxLength: 4 });
    fc.assert(
      fc.property(policies, fc.constantFrom("a", "b", "a/b", "ab/c"), (all, path) => {
        const { rule, isAllowed } = aclOf(...all).decide({ path, capability: "read" });
        const said = all.flatMap((rules) => (rule ? (rules[rule.pattern] ?? []) : []));
        expect(isAllowed).toBe(said.includes("read") && !said.includes("deny"));
        const having = all.flatMap((rules, at) => (rule && rules[rule.pattern] ? [`p${at}`] : []));
        expect(rule?.policies ?? []).toEqual(having);
        const turned = aclOf(...all.toReversed()).decide({ path, capability: "read" });
        expect([turned.isAllowed, turned.rule?.pattern]).toEqual([isAllowed, rule?.pattern]);
      }),
      { numRuns: 2000 },
    );
  });
});
