import { auditCommands } from "./audit-commands.ts";
import type { Command, Flags } from "./command.ts";
import { loginCommands } from "./login-commands.ts";
import { policyCommands } from "./policy-commands.ts";
import { tokenCommands } from "./token-commands.ts";

/** The flags that every command takes. */
export const globalFlags: Flags = {
  address: { value: "URL", summary: "address of the server (LEASEHOLD_ADDR; http://127.0.0.1:8210)" },
  token: { value: "TOKEN", summary: "token of the caller (LEASEHOLD_TOKEN, which other users cannot see)" },
  "ca-cert": { value: "FILE", summary: "CA of an https:// server, PEM (LEASEHOLD_CACERT; the system's CAs)" },
  "client-cert": {
    value: "FILE",
    summary: "certificate to show to an https:// server (LEASEHOLD_CLIENT_CERT)",
  },
  "client-key": { value: "FILE", summary: "its key, PEM (LEASEHOLD_CLIENT_KEY)" },
  format: { value: "table|json", summary: "how results are printed (LEASEHOLD_FORMAT; table)" },
  help: { summary: "show help" },
  version: { summary: "show the version" },
};

const path = { name: "PATH" };
const leaseId = { name: "LEASE_ID" };
const ttlFlags: Flags = {
  "default-ttl": { value: "DURATION", summary: "TTL of leases where nothing nearer names one" },
  "max-ttl": { value: "DURATION", summary: "longest life of a lease, counted from its issue" },
  "max-leases": { value: "N", summary: "how many leases may live at the same time" },
};

const fieldDetails = `A field is one of:
  key=value     a string; the path converts it to what it needs
  key=@file     the text of a file
  key=-         the text of the standard input
  key=\\@value   the string "@value" (and key=\\- the string "-")
A key given several times makes a list. Instead of fields, a single "@file.json"
or "-" gives a whole JSON object. Text is taken as it is, with the newline at its
end. Numbers are doubles: an integer beyond 2^53 is refused, write it as a string.`;

const idempotencyDetails = `A read that is repeated with the same --idempotency-key within ten minutes, after its
answer was lost, means the same lease: it gets a fresh secret, and the earlier one is
deleted first.`;

const watchDetails = `Prints a line for each event from now on: time, kind, lease, details. With --format json
a line is a JSON document, and holds a resume_token. When the connection is lost it
connects again by itself and goes on after the last event. A "gap" is always shown: events
were lost, and "lease list" tells how things stand. Ctrl-C ends it, with exit code 130.
Kinds: issued, renewed, expiring_soon, revoked, failed, irrevocable, forgotten, gap.`;

const initDetails = `Works on the Redis of LEASEHOLD_REDIS_URL, not on a server, and with the server's environment. Makes
a root key in FILE, or else in the missing file of LEASEHOLD_ROOT_KEY_FILE, or else in
"leasehold-root-key" here; where a root key is configured, that one counts. Prints a root token
once. Where Redis was set up before, or the file is there, it changes nothing and exits 1.`;

const rekeyDetails = `Servers that run go on. Every later start needs the new root key: give it to all servers and
restart them, before the next "operator rotate". The key is not printed, and FILE is kept
whatever comes of the call, which can be given again.`;

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
    name: "init",
    args: [],
    flags: {
      "root-key-file": { value: "FILE", summary: "file of the root key that is made, with mode 0600" },
    },
    summary: "Set up an empty Redis: root key, keyring, root token.",
    details: initDetails,
    run: async (invocation) => (await import("./init.ts")).init(invocation),
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
    summary: "Change the description, the TTLs or the lease limit of a mount.",
    details:
      "What is not given stays. A TTL of 0 takes the setting away, so that the system's counts; a\nlimit of 0 takes the limit away. A limit below the number of live leases ends none of them.",
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
    flags: {
      "idempotency-key": { value: "KEY", summary: "any text: the same one again means the same lease" },
    },
    summary: "Read a path; where it issues credentials, each call makes new ones.",
    details: `Fields, such as ttl=15m, are what the path takes when it is read.\n${idempotencyDetails}\n${fieldDetails}`,
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
  {
    name: "lease watch",
    args: [{ name: "PREFIX", isOptional: true }],
    flags: {
      resume: { value: "TOKEN", summary: "go on after the event with this resume_token" },
      kind: {
        value: "KIND",
        summary: "only events such as issued, revoked, failed; may be repeated",
        isRepeatable: true,
      },
    },
    summary: "Show what happens to the leases under a prefix, as it happens.",
    details: watchDetails,
    run: async (invocation) => (await import("./watch.ts")).watch(invocation),
  },
  {
    name: "lease retry",
    args: [leaseId],
    summary: "Try at once to revoke a lease that is being revoked, or irrevocable.",
    run: async (invocation) => (await import("./stuck-leases.ts")).retry(invocation),
  },
  {
    name: "lease forget",
    args: [leaseId],
    flags: { force: { summary: "do it; without this, say what would be left behind" } },
    summary: "Drop the record of a lease that cannot be revoked.",
    details:
      "What the lease stands for, such as an IAM user with a key, is then nobody's: without --force\nthe command says what that is, changes nothing, and exits 1.",
    run: async (invocation) => (await import("./stuck-leases.ts")).forget(invocation),
  },
  {
    name: "operator status",
    args: [],
    summary: "Show whether the server revokes what is due, or only observes, and why.",
    run: async (invocation) => (await import("./operator.ts")).operatorStatus(invocation),
  },
  {
    name: "operator resume",
    args: [],
    summary: "End observing, on every server: what is due is revoked from now on.",
    details: 'Look at "operator status" first: what it lists is revoked, and cannot be brought back.',
    run: async (invocation) => (await import("./operator.ts")).operatorResume(invocation),
  },
  {
    name: "operator rotate",
    args: [],
    summary: "Make a new data key, and have every server seal with it.",
    details:
      "Takes some seconds, so that every running server has the key before the first one uses it.\nEarlier data keys are kept, and open what they sealed.",
    run: async (invocation) => (await import("./operator-keys.ts")).operatorRotate(invocation),
  },
  {
    name: "operator rekey",
    args: [],
    flags: {
      "new-key-file": {
        value: "FILE",
        summary: "file of the new root key; made, with mode 0600, where there is none",
      },
    },
    summary: "Wrap the data keys with another root key.",
    details: rekeyDetails,
    run: async (invocation) => (await import("./operator-keys.ts")).operatorRekey(invocation),
  },
  ...loginCommands,
  ...tokenCommands,
  ...policyCommands,
  ...auditCommands,
];
