import type { Command } from "./command.ts";

/** The command for logging in. */
export const loginCommands: readonly Command[] = [
  {
    name: "login",
    args: [],
    flags: {
      method: { value: "METHOD", summary: "approle, cert or jwt" },
      role: { value: "NAME", summary: "role of the login method, for cert and jwt" },
      jwt: { value: "@FILE|-", summary: "the token of the platform, for jwt" },
      "role-id": { value: "ID", summary: "id of the role, for approle" },
      "secret-id": { value: "@FILE|-", summary: "secret id of the role, for approle" },
    },
    summary: "Exchange an identity for a token, which is shown this once.",
    details:
      "Needs no token. Secrets come from a file or the standard input, where no other user sees them;\nthe certificate for cert is that of --client-cert and --client-key.",
    run: async (invocation) => (await import("./login.ts")).login(invocation),
  },
];
