import type { Command } from "./command.ts";

const accessor = { name: "ACCESSOR", isOptional: true } as const;
const ofAnother = "Without ACCESSOR it is the caller's own token; with it, the token that has this accessor.";

/** The commands about tokens. */
export const tokenCommands: readonly Command[] = [
  {
    name: "token create",
    args: [],
    flags: {
      policy: { value: "NAME", summary: "a policy of the token; may be repeated", isRepeatable: true },
      ttl: { value: "DURATION", summary: "how long it lives" },
      "max-ttl": { value: "DURATION", summary: "the longest that renewals can make it live" },
      uses: { value: "N", summary: "how often it can be used" },
      "display-name": { value: "TEXT", summary: "name for people" },
      metadata: {
        value: "KEY=VALUE",
        summary: "a fact to keep with it; may be repeated",
        isRepeatable: true,
      },
      orphan: { summary: "let it live on when the caller's token ends" },
      "not-renewable": { summary: "never let it be renewed" },
      "no-default-policy": { summary: 'do not give it the policy "default"' },
    },
    summary: "Make a token. It is shown this once.",
    details:
      "It can only get policies that the caller has; all of them where no --policy is given. It ends\nwith the caller's token, and what it made ends with it.",
    run: async (invocation) => (await import("./tokens.ts")).create(invocation),
  },
  {
    name: "token lookup",
    args: [accessor],
    summary: "Describe a token.",
    details: ofAnother,
    run: async (invocation) => (await import("./tokens.ts")).lookup(invocation),
  },
  {
    name: "token renew",
    args: [],
    flags: { increment: { value: "DURATION", summary: "how long from now the token is to live" } },
    summary: "Move the expiry of the caller's token, never past its maximum.",
    run: async (invocation) => (await import("./tokens.ts")).renew(invocation),
  },
  {
    name: "token revoke",
    args: [accessor],
    flags: { self: { summary: "end the caller's own token" } },
    summary: "End a token, and the tokens and leases that it made.",
    details: "Give ACCESSOR, or --self.",
    run: async (invocation) => (await import("./tokens.ts")).revoke(invocation),
  },
  {
    name: "token list",
    args: [],
    summary: "List the accessors of all tokens.",
    run: async (invocation) => (await import("./tokens.ts")).list(invocation),
  },
];
