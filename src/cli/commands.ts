import type { Command, Flags } from "./command.ts";

/** The flags that every command takes. */
export const globalFlags: Flags = {
  address: { value: "URL", summary: "address of the server (LEASEHOLD_ADDR; http://127.0.0.1:8210)" },
  token: { value: "TOKEN", summary: "token of the caller (LEASEHOLD_TOKEN, which other users cannot see)" },
  "ca-cert": { value: "FILE", summary: "CA of an https:// server, PEM (LEASEHOLD_CACERT; the system's CAs)" },
  format: { value: "table|json", summary: "how results are printed (LEASEHOLD_FORMAT; table)" },
  help: { summary: "show help" },
  version: { summary: "show the version" },
};

const path = { name: "PATH" };
const leaseId = { name: "LEASE_ID" };
const ttlFlags: Flags = {
  "default-ttl": { value: "DURATION", summary: "TTL of leases where nothing nearer names one" },
  "max-ttl": { value: "DURATION", summary: "longest life of a lease, counted from its issue" },
};

const fieldDetails = `A field is one of:
  key=value     a string; the path converts it to what it needs
  key=@file     the text of a file
  key=-         the text of the standard input
  key=\\@value   the string "@value" (and key=\\- the string "-")
A key given several times makes a list. Instead of fields, a single "@file.json"
or "-" gives a whole JSON object. Text is taken as it is, with the newline at its
end. Numbers are doubles: an integer beyond 2^53 is refused, write it as a string.`;

/**
 * Every command, in the order of the help. What a command runs is imported when
 * it runs, so that help and usage errors load none of the gRPC stack.
 */
export const commands: readonly Command[] = [
  {
    name: "server",
    args: [],
    flags: { dev: { summary: "bring Redis and an AWS simulator along, for trying things out" } },
    summary: "Run the server.",
    details: "Without --dev it takes its configuration from the environment, and needs a Redis.",
    run: async (invocation) => (await import("./server.ts")).server(invocation),
  },
  {
    name: "status",
    args: [],
    summary: "Show whether the server answers, and what it holds.",
    details: "Exits 0 when the server is reachable, healthy, and takes the token.",
    run: async (invocation) => (await import("./status.ts")).status(invocation),
  },
  {
    name: "mount",
    args: [{ name: "TYPE" }],
    flags: {
      path: { value: "PATH", summary: "path of the mount; the type where not given" },
      description: { value: "TEXT", summary: "a note for people" },
      ...ttlFlags,
    },
    summary: 'Make a backend, "aws" or "kv", reachable under a path.',
    run: async (invocation) => (await import("./mounts.ts")).mount(invocation),
  },
  {
    name: "unmount",
    args: [path],
    summary: "Revoke every lease of a mount, and take the mount away.",
    details:
      "Waits up to five minutes. Where leases are left after that it lists some of them and exits 1;\nthe server goes on, and the command can be given again.",
    run: async (invocation) => (await import("./mounts.ts")).unmount(invocation),
  },
  {
    name: "mounts",
    args: [],
    summary: "List the mounts.",
    run: async (invocation) => (await import("./mounts.ts")).mounts(invocation),
  },
  {
    name: "tune",
    args: [path],
    flags: { description: { value: "TEXT", summary: "a note for people" }, ...ttlFlags },
    summary: "Change the description or the TTLs of a mount.",
    details: "What is not given stays. A TTL of 0 takes the setting away, so that the system's counts.",
    run: async (invocation) => (await import("./mounts.ts")).tune(invocation),
  },
  {
    name: "write",
    args: [path, { name: "FIELD", isOptional: true, isRest: true }],
    summary: "Write fields to a path.",
    details: fieldDetails,
    run: async (invocation) => (await import("./secrets.ts")).write(invocation),
  },
  {
    name: "read",
    args: [path, { name: "FIELD", isOptional: true, isRest: true }],
    summary: "Read a path; where it issues credentials, each call makes new ones.",
    details: `Fields, such as ttl=15m, are what the path takes when it is read.\n${fieldDetails}`,
    run: async (invocation) => (await import("./secrets.ts")).read(invocation),
  },
  {
    name: "list",
    args: [path],
    summary: "List the names under a path.",
    run: async (invocation) => (await import("./secrets.ts")).list(invocation),
  },
  {
    name: "delete",
    args: [path],
    summary: "Delete what is stored at a path.",
    run: async (invocation) => (await import("./secrets.ts")).remove(invocation),
  },
  {
    name: "path-help",
    args: [path],
    summary: "Explain a mount or a path: operations, fields, defaults.",
    run: async (invocation) => (await import("./path-help.ts")).pathHelp(invocation),
  },
  {
    name: "renew",
    args: [leaseId],
    flags: { increment: { value: "DURATION", summary: "how long from now the lease is to live" } },
    summary: "Move the expiry of a lease, never past its maximum.",
    details:
      "Without --increment the lease gets its first TTL again, and never ends earlier than before.\nA given increment may also shorten it.",
    run: async (invocation) => (await import("./leases.ts")).renew(invocation),
  },
  {
    name: "revoke",
    args: [leaseId],
    flags: { prefix: { summary: "end every lease whose id starts with LEASE_ID, such as aws/creds/deploy" } },
    summary: "End a lease at once.",
    run: async (invocation) => (await import("./leases.ts")).revoke(invocation),
  },
  {
    name: "lease lookup",
    args: [leaseId],
    summary: "Describe one lease.",
    run: async (invocation) => (await import("./leases.ts")).lookup(invocation),
  },
  {
    name: "lease list",
    args: [{ name: "PREFIX", isOptional: true }],
    flags: {
      state: {
        value: "STATE",
        summary: "only issuing, active, revoking or irrevocable leases; may be repeated",
        isRepeatable: true,
      },
      limit: { value: "N", summary: "stop after N leases; all where not given" },
    },
    summary: "List the leases under a prefix, such as aws/ or aws/creds/deploy.",
    run: async (invocation) => (await import("./leases.ts")).listLeases(invocation),
  },
  {
    name: "lease count",
    args: [{ name: "PREFIX", isOptional: true }],
    summary: "Count the leases under a prefix by state.",
    run: async (invocation) => (await import("./leases.ts")).count(invocation),
  },
];
