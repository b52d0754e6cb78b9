import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createAcl } from "../../../src/core/policy/acl.ts";
import { type Capability, parsePolicy } from "../../../src/core/policy/policy.ts";
import { bySpeciality, createPattern } from "../../../src/core/policy/policy-pattern.ts";

type Rules = Readonly<Record<string, readonly Capability[] | object>>;

/** The list of what some policies allow, each as its rules by path. */
function aclOf(...policies: readonly Rules[]) {
  return createAcl(
    policies.map((rules, at) => {
      const path = Object.entries(rules).map(([pattern, rule]) => [
        pattern,
        Array.isArray(rule) ? { capabilities: rule } : rule,
      ]);
      return { name: `p${at}`, policy: parsePolicy(JSON.stringify({ path: Object.fromEntries(path) })) };
    }),
  );
}

const r: readonly Capability[] = ["read"];
const deny: readonly Capability[] = ["deny"];

// Each case: the documented rule, the policies, a path, and which pattern decides ("" where none does) with what outcome.
const cases: readonly (readonly [
  rule: string,
  policies: readonly Rules[],
  path: string,
  decides: string,
  isAllowed: boolean,
])[] = [
  ["what no rule matches is denied", [{ "secret/a": r }], "secret/b", "", false],
  ["what no policy is there for is denied", [], "secret/a", "", false],
  ["a path without a glob matches exactly", [{ "secret/a": r }], "secret/a", "secret/a", true],
  ["a path without a glob matches nothing below it", [{ "secret/a": r }], "secret/a/b", "", false],
  ["a path without a glob matches no longer word", [{ "secret/a": r }], "secret/ab", "", false],
  ["paths are told apart by case", [{ "secret/a": r }], "secret/A", "", false],
  ["a glob matches what begins alike", [{ "secret/a*": r }], "secret/abc", "secret/a*", true],
  ["a glob matches nothing more, too", [{ "secret/a*": r }], "secret/a", "secret/a*", true],
  ["a glob matches over slashes", [{ "secret/*": r }], "secret/a/b/c", "secret/*", true],
  ["a glob after a slash does not match without it", [{ "secret/*": r }], "secret", "", false],
  ["a glob alone matches everything", [{ "*": r }], "a/b", "*", true],
  ["a plus matches one segment", [{ "secret/+/c": r }], "secret/b/c", "secret/+/c", true],
  ["a plus matches not two", [{ "secret/+/c": r }], "secret/a/b/c", "", false],
  ["a plus matches not none", [{ "secret/+/c": r }], "secret/c", "", false],
  ["a plus can stand first", [{ "+/creds/a": r }], "aws/creds/a", "+/creds/a", true],
  ["a plus can stand last", [{ "secret/+": r }], "secret/a", "secret/+", true],
  ["a plus at the end matches nothing below", [{ "secret/+": r }], "secret/a/b", "", false],
  ["several plus match a segment each", [{ "+/+/c": r }], "a/b/c", "+/+/c", true],
  ["plus and glob go together", [{ "+/creds/*": r }], "aws/creds/a/b", "+/creds/*", true],
  ["plus and a glob in a word go together", [{ "secret/+/te*": r }], "secret/x/team", "secret/+/te*", true],
  ["plus and a glob need what stands between", [{ "secret/+/te*": r }], "secret/x/ab", "", false],
  [
    "an exact path counts before a glob",
    [{ "secret/a": deny, "secret/*": r }],
    "secret/a",
    "secret/a",
    false,
  ],
  ["an exact path counts before a plus", [{ "secret/a": r, "secret/+": deny }], "secret/a", "secret/a", true],
  [
    "an exact path counts before a longer glob of another policy",
    [{ "secret/a": r }, { "secret/a*": deny }],
    "secret/a",
    "secret/a",
    true,
  ],
  [
    "1: the later first wildcard counts",
    [{ "secret/*": deny, "secret/team-a/*": r }],
    "secret/team-a/x",
    "secret/team-a/*",
    true,
  ],
  [
    "1: the later first wildcard counts, in whatever order",
    [{ "secret/team-a/*": r, "secret/*": deny }],
    "secret/team-a/x",
    "secret/team-a/*",
    true,
  ],
  [
    "1: the later first wildcard counts among plus",
    [{ "secret/+/x": deny, "secret/a/+": r }],
    "secret/a/x",
    "secret/a/+",
    true,
  ],
  [
    "1: a glob that stands later counts before a plus that stands earlier",
    [{ "secret/+/x": deny, "secret/a/*": r }],
    "secret/a/x",
    "secret/a/*",
    true,
  ],
  [
    "1: a plus that stands later counts before a glob that stands earlier",
    [{ "secret/*": deny, "secret/a/+": r }],
    "secret/a/x",
    "secret/a/+",
    true,
  ],
  [
    "1: a glob in a word counts before one at its start",
    [{ "secret/*": deny, "secret/f*": r }],
    "secret/foo",
    "secret/f*",
    true,
  ],
  [
    "1: the longer start of a word counts",
    [{ "secret/f*": deny, "secret/fo*": r }],
    "secret/foo",
    "secret/fo*",
    true,
  ],
  ["1: everything counts last", [{ "*": deny, "s*": r }], "secret", "s*", true],
  ["1: a plus first counts after a word first", [{ "+/a/b": deny, "x/+/b": r }], "x/a/b", "x/+/b", true],
  [
    "2: one that ends in a glob counts after one that does not",
    [{ "secret/+/*": deny, "secret/+/x": r }],
    "secret/a/x",
    "secret/+/x",
    true,
  ],
  [
    "2: one that ends in a glob counts after one that does not, though that has more plus",
    [{ "secret/+/x*": deny, "secret/+/+": r }],
    "secret/a/xy",
    "secret/+/+",
    true,
  ],
  [
    "2: a glob at the same place counts after a plus",
    [{ "secret/*": deny, "secret/+": r }],
    "secret/a",
    "secret/+",
    true,
  ],
  [
    "3: the one with fewer plus counts",
    [{ "secret/+/+/c": deny, "secret/+/b/c": r }],
    "secret/a/b/c",
    "secret/+/b/c",
    true,
  ],
  [
    "3: the one with fewer plus counts, with globs",
    [{ "secret/+/+/*": deny, "secret/+/b/*": r }],
    "secret/a/b/c",
    "secret/+/b/*",
    true,
  ],
  ["3: plus in other places count alike", [{ "+/+/c/d": deny, "+/b/c/d": r }], "a/b/c/d", "+/b/c/d", true],
  [
    "4: the longer one counts",
    [{ "secret/+/a*": deny, "secret/+/ab*": r }],
    "secret/x/abc",
    "secret/+/ab*",
    true,
  ],
  [
    "4: the longer one counts, at the end of a folder",
    [{ "+/c*": deny, "+/creds/*": r }],
    "aws/creds/a",
    "+/creds/*",
    true,
  ],
  [
    "5: the lexicographically larger one counts",
    [{ "secret/+/b/+/d": deny, "secret/+/+/c/d": r }],
    "secret/a/b/c/d",
    "secret/+/b/+/d",
    false,
  ],
  [
    "policies are joined at the same path",
    [{ "secret/a": ["list"] }, { "secret/a": r }],
    "secret/a",
    "secret/a",
    true,
  ],
  [
    "policies are joined at the same glob",
    [{ "secret/*": ["list"] }, { "secret/*": r }],
    "secret/a",
    "secret/*",
    true,
  ],
  [
    "a deny counts before all that is joined with it",
    [{ "secret/a": r }, { "secret/a": deny }],
    "secret/a",
    "secret/a",
    false,
  ],
  [
    "a deny counts before all at the same glob",
    [{ "secret/*": r }, { "secret/*": deny }],
    "secret/a",
    "secret/*",
    false,
  ],
  [
    "a deny beside others in one rule counts",
    [{ "secret/a": ["read", "deny"] }],
    "secret/a",
    "secret/a",
    false,
  ],
  [
    "a deny at a wider path counts not",
    [{ "secret/*": deny }, { "secret/a": r }],
    "secret/a",
    "secret/a",
    true,
  ],
  [
    "a deny at a narrower path counts",
    [{ "secret/*": r }, { "secret/a/*": deny }],
    "secret/a/b",
    "secret/a/*",
    false,
  ],
  [
    "a deny at a narrower path leaves the rest",
    [{ "secret/*": r }, { "secret/a/*": deny }],
    "secret/b",
    "secret/*",
    true,
  ],
  [
    "a narrower path without the capability denies what a wider one allows",
    [{ "secret/*": r, "secret/a": ["list"] }],
    "secret/a",
    "secret/a",
    false,
  ],
  [
    "a narrower plus without the capability denies it, too",
    [{ "secret/*": r, "secret/+/x": ["list"] }],
    "secret/a/x",
    "secret/+/x",
    false,
  ],
  ["no capability allows nothing", [{ "secret/a": [] }], "secret/a", "secret/a", false],
  ["sudo alone does not allow to read", [{ "sys/x": ["sudo"] }], "sys/x", "sys/x", false],
  ["a dot is a dot", [{ "a.c": r }], "abc", "", false],
  ["a bracket is a bracket", [{ "a[bc]": r }], "ab", "", false],
  ["a path with spaces is one", [{ "a b/*": r }], "a b/c", "a b/*", true],
  [
    "three policies are joined",
    [{ "a/*": ["list"] }, { "a/*": ["update"] }, { "a/*": r }],
    "a/b",
    "a/*",
    true,
  ],
  [
    "the most special of three policies decides",
    [{ "*": r }, { "a/*": deny }, { "a/b/*": r }],
    "a/b/c",
    "a/b/*",
    true,
  ],
  ["a folder's path is another than its name's", [{ "secret/a/": r }], "secret/a", "", false],
  [
    "a lease id is a path",
    [{ "sys/leases/revoke/aws/creds/+/*": r }],
    "sys/leases/revoke/aws/creds/deploy/0d04",
    "sys/leases/revoke/aws/creds/+/*",
    true,
  ],
  ["a mount below a mount's name is not that mount", [{ "aws/*": r }], "aws2/creds", "", false],
];

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
      .array(fc.constantFrom("a", "b", "ab", "ba"), { minLength: 1, maxLength: 5 })
      .map((words) => words.join("/"));
    const asRegExp = (text: string) =>
      new RegExp(
        `^${text
          .split("/")
          .map((part) => (part === "+" ? "[^/]+" : part.replace("*", ".*")))
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
        const rules = Object.fromEntries(patterns.map((one) => [one, r]));
        expect(aclOf(rules).decide({ path: asked, capability: "read" }).rule?.pattern).toBe(wanted);
        for (const one of matching)
          for (const other of matching)
            expect(Math.sign(bySpeciality(one, other))).toBe(-Math.sign(bySpeciality(other, one)) || 0);
      }),
      { numRuns: 3000 },
    );
  });
});

describe("rules about parameters", () => {
  const rule = (about: object, capabilities = ["update", "create"]) => ({
    "kv/a": { capabilities, ...about },
  });
  const may = (acl: ReturnType<typeof aclOf>, parameters: object) =>
    acl.decide({ path: "kv/a", capability: "update", parameters: parameters as never }).isAllowed;

  test.each<[string, object, object, boolean]>([
    ["no rule allows all", {}, { x: 1 }, true],
    ["allowed ones are allowed", { allowed_parameters: { x: [] } }, { x: 1 }, true],
    ["others are not", { allowed_parameters: { x: [] } }, { y: 1 }, false],
    ["nothing given is allowed", { allowed_parameters: { x: [] } }, {}, true],
    ["a star allows others", { allowed_parameters: { x: ["1"], "*": [] } }, { y: 1 }, true],
    ["a star does not widen a named one", { allowed_parameters: { x: ["1"], "*": [] } }, { x: "2" }, false],
    ["values are compared", { allowed_parameters: { x: ["a", "b"] } }, { x: "b" }, true],
    ["other values are not allowed", { allowed_parameters: { x: ["a"] } }, { x: "b" }, false],
    ["numbers are compared as such", { allowed_parameters: { x: [5] } }, { x: 5 }, true],
    ["a value can begin with anything", { allowed_parameters: { x: ["*-eu"] } }, { x: "team-eu" }, true],
    ["a value can end with anything", { allowed_parameters: { x: ["team-*"] } }, { x: "team-eu" }, true],
    ["a denied one is denied", { denied_parameters: { x: [] } }, { x: 1 }, false],
    ["a denied value is denied", { denied_parameters: { x: ["a"] } }, { x: "a" }, false],
    ["another value is not", { denied_parameters: { x: ["a"] } }, { x: "b" }, true],
    ["all can be denied", { denied_parameters: { "*": [] } }, { y: 1 }, false],
    [
      "denied counts before allowed",
      { allowed_parameters: { x: [] }, denied_parameters: { x: [] } },
      { x: 1 },
      false,
    ],
    ["a required one must be there", { required_parameters: ["x"] }, { y: 1 }, false],
    ["and then all is well", { required_parameters: ["x"] }, { x: 1, y: 1 }, true],
    ["a required one must be there where nothing is", { required_parameters: ["x"] }, {}, false],
    ["names are compared without case", { allowed_parameters: { Name: [] } }, { name: 1 }, true],
  ])("%s", (_what, about, parameters, isAllowed) => {
    expect(may(aclOf(rule(about)), parameters)).toBe(isAllowed);
  });

  test("of several policies are joined", () => {
    const acl = aclOf(
      rule({ allowed_parameters: { x: ["a"] } }),
      rule({ allowed_parameters: { x: ["b"], y: [] } }),
    );
    expect([may(acl, { x: "a" }), may(acl, { x: "b", y: 1 }), may(acl, { x: "c" })]).toEqual([
      true,
      true,
      false,
    ]);
  });

  test("do not touch deleting and listing", () => {
    const acl = aclOf(rule({ required_parameters: ["x"] }, ["delete"]));
    expect(acl.decide({ path: "kv/a", capability: "delete", parameters: {} }).isAllowed).toBe(true);
  });
});

test.each([
  ["{", "is not JSON"],
  ["[]", "must be a JSON object"],
  ['{"paths":{}}', 'a key "paths"'],
  ['{"path":[]}', 'needs a key "path"'],
  ['{"path":{"":{"capabilities":[]}}}', "is empty"],
  ['{"path":{"/a":{"capabilities":[]}}}', "starts with a slash"],
  ['{"path":{"a*b":{"capabilities":[]}}}', '"*" before its end'],
  ['{"path":{"a+/b":{"capabilities":[]}}}', '"+" beside other characters'],
  ['{"path":{"a":{}}}', 'needs "capabilities"'],
  ['{"path":{"a":{"capabilities":["raed"]}}}', 'unknown capability "raed"'],
  ['{"path":{"a":{"capability":["read"]}}}', 'Did you mean "capabilities"'],
  ['{"path":{"a":{"capabilities":["read"],"allowed_parameters":{"x":1}}}}', "needs a list of values"],
  ['{"path":{"a":{"capabilities":["read"],"required_parameters":"x"}}}', "required_parameters"],
])("the policy %s is refused", (text, words) => {
  expect(() => parsePolicy(text)).toThrow(words);
});
