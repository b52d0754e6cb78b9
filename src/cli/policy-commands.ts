import type { Command } from "./command.ts";

const name = { name: "NAME" };

/** The commands about policies. */
export const policyCommands: readonly Command[] = [
  {
    name: "policy write",
    args: [name, { name: "POLICY" }],
    summary: "Write a policy, in place of the one with that name.",
    details:
      'POLICY is @file, or - for the standard input: JSON such as\n  {"path": {"aws/creds/*": {"capabilities": ["read"]}}}\nIt counts for every token that has it, within a second. docs/POLICIES.md explains the rules.',
    run: async (invocation) => (await import("./policies.ts")).write(invocation),
  },
  {
    name: "policy read",
    args: [name],
    summary: "Show the text of a policy.",
    run: async (invocation) => (await import("./policies.ts")).read(invocation),
  },
  {
    name: "policy list",
    args: [],
    summary: "List the policies.",
    run: async (invocation) => (await import("./policies.ts")).list(invocation),
  },
  {
    name: "policy delete",
    args: [name],
    summary: "Delete a policy: every token that has it can do less.",
    run: async (invocation) => (await import("./policies.ts")).remove(invocation),
  },
  {
    name: "policy test",
    args: [name, { name: "PATH" }, { name: "CAPABILITY" }],
    summary: "Say whether a policy allows something, which rule decides, and why.",
    details:
      "NAME may be several policies with commas between them, as a token has them. CAPABILITY is create,\nread, update, patch, delete, list or sudo. Exits 0 where it is allowed, and 1 where it is not.",
    run: async (invocation) => (await import("./policies.ts")).test(invocation),
  },
];
