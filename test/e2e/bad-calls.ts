import type { JsonObject } from "@bufbuild/protobuf";
import { deployPolicy } from "../kit/deployment.ts";
import type { Calls } from "./calls-over.ts";

/** A call that must be refused: what is bad about it, with which status and reason, and what the message says. */
export type BadCall = readonly [
  name: string,
  call: (calls: Calls) => Promise<unknown>,
  status: `${string} ${string}`,
  message: RegExp,
];

const manyActions = Array.from({ length: 90 }, (_, at) => `ec2:DescribeSomething${at}`);
const longPolicy = JSON.stringify({
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Action: manyActions, Resource: "*" }],
});
const unknownLease = "aws/creds/deploy/0d042c53-aa8a-4ce7-9dfd-310351c465e5";
const writeRole = (data: JsonObject) => (calls: Calls) => calls.write("aws/roles/bad", data);

/**
 * Calls with bad input. They ask for mounts of type `aws` at `aws` (with a root key and a role `deploy`), `bare` (with
 * nothing) and `team/aws`, and one of type `kv` at `kv`.
 */
export const badCalls: readonly BadCall[] = [
  [
    "a path under no mount",
    (c) => c.read("azure/creds/x"),
    "NotFound NO_MOUNT",
    /No mount .*"azure\/creds\/x"/,
  ],
  ["a mistyped mount", (c) => c.read("awss/creds/x"), "NotFound NO_MOUNT", /Did you mean "aws"\?/],
  ["a path that a mount lacks", (c) => c.read("aws/credz/x"), "NotFound NO_SUCH_PATH", /"aws\/credz\/x"/],
  ["help for a path that a mount lacks", (c) => c.help("aws/credz"), "NotFound NO_SUCH_PATH", /"aws\/credz"/],
  ["an unknown role", (c) => c.read("aws/creds/nobody"), "NotFound NO_SUCH_ROLE", /"nobody"/],
  [
    "a role name that cannot be",
    (c) => c.read("aws/roles/no body"),
    "InvalidArgument INVALID_FIELD",
    /"name"/,
  ],
  [
    "reading the root key",
    (c) => c.read("aws/config/root"),
    "Unimplemented UNSUPPORTED_OPERATION",
    /^unsupported operation/,
  ],
  [
    "listing what is no folder",
    (c) => c.list("aws/config/root"),
    "Unimplemented UNSUPPORTED_OPERATION",
    /^unsupported operation/,
  ],
  [
    "creds/ before config/root",
    (c) => c.read("bare/creds/deploy"),
    "FailedPrecondition NOT_CONFIGURED",
    /"bare\/config\/root"/,
  ],
  ["an unknown secret", (c) => c.read("kv/nothing"), "NotFound NO_SUCH_SECRET", /"kv\/nothing"/],

  ["a mount on a taken path", (c) => c.mount("aws", "aws"), "AlreadyExists PATH_TAKEN", /"aws".*in use/],
  ["a mount below another", (c) => c.mount("kv", "aws/kv"), "AlreadyExists PATH_TAKEN", /overlaps "aws"/],
  ["a mount above another", (c) => c.mount("kv", "team"), "AlreadyExists PATH_TAKEN", /overlaps "team\/aws"/],
  [
    "a mount of an unknown type",
    (c) => c.mount("gcp", "gcp"),
    "InvalidArgument INVALID_FIELD",
    /"type".*aws, kv/,
  ],
  ["a mount of no type", (c) => c.mount("", "x"), "InvalidArgument INVALID_FIELD", /"type"/],
  [
    "a mount path with an empty segment",
    (c) => c.mount("kv", "a//b"),
    "InvalidArgument INVALID_PATH",
    /empty segment/,
  ],
  [
    "a mount path that begins with a slash",
    (c) => c.mount("kv", "/a"),
    "InvalidArgument INVALID_PATH",
    /empty segment/,
  ],
  ["a mount path with dots", (c) => c.mount("kv", "a/../b"), "InvalidArgument INVALID_PATH", /"\.\."/],
  ["a mount path of a slash", (c) => c.mount("kv", "/"), "InvalidArgument INVALID_PATH", /is empty/],
  [
    "a mount path with control characters",
    (c) => c.mount("kv", "a\u0000b"),
    "InvalidArgument INVALID_PATH",
    /control characters/,
  ],
  [
    "a mount path with a line break",
    (c) => c.mount("kv", "a\nb"),
    "InvalidArgument INVALID_PATH",
    /control characters/,
  ],
  [
    "a mount path of 257 bytes",
    (c) => c.mount("kv", `${"é".repeat(128)}x`),
    "InvalidArgument INVALID_PATH",
    /257 bytes/,
  ],
  [
    "a reserved mount path",
    (c) => c.mount("kv", "sys/x"),
    "InvalidArgument INVALID_PATH",
    /"sys", which is reserved/,
  ],
  [
    "a negative TTL of a mount",
    (c) => c.tune("kv", -5n),
    "InvalidArgument INVALID_FIELD",
    /tuning\.default_ttl/,
  ],
  [
    "tuning what is no mount",
    (c) => c.tune("kv/x", 5n),
    "NotFound NO_MOUNT",
    /"kv\/x" is not the path of a mount/,
  ],
  ["unmounting what is no mount", (c) => c.unmount("nothing"), "NotFound NO_MOUNT", /"nothing"/],
  [
    "a request path of 1,100 bytes",
    (c) => c.read(`kv/${"x".repeat(1097)}`),
    "InvalidArgument INVALID_PATH",
    /1100 bytes/,
  ],

  [
    "a mistyped field",
    writeRole({ policy_documant: deployPolicy }),
    "InvalidArgument UNKNOWN_FIELD",
    /Did you mean "policy_document"\?/,
  ],
  [
    "a field that creds/ lacks",
    (c) => c.read("aws/creds/deploy", { tll: "1h" }),
    "InvalidArgument UNKNOWN_FIELD",
    /Did you mean "ttl"\?/,
  ],
  [
    "a TTL that is none",
    (c) => c.read("aws/creds/deploy", { ttl: "soon" }),
    "InvalidArgument INVALID_FIELD",
    /"ttl".*"soon"/,
  ],
  [
    "a TTL of nothing",
    (c) => c.read("aws/creds/deploy", { ttl: 0 }),
    "InvalidArgument INVALID_FIELD",
    /"ttl".*at least 1s/,
  ],
  [
    "a code of an MFA device for a role of users",
    (c) => c.read("aws/creds/deploy", { mfa_code: "123456" }),
    "InvalidArgument INVALID_FIELD",
    /"mfa_code" is for roles of type "session_token"/,
  ],
  [
    "a field that roles of users cannot have",
    writeRole({ role_arns: "arn:aws:iam::111122223333:role/x" }),
    "InvalidArgument INVALID_FIELD",
    /"role_arns" is for roles of type assumed_role/,
  ],
  [
    "a role of sessions that names no role to assume",
    writeRole({ credential_type: "assumed_role" }),
    "InvalidArgument INVALID_FIELD",
    /"role_arns" is missing/,
  ],
  [
    "a policy with a variable that is none",
    writeRole({
      policy_document: {
        Version: "2012-10-17",
        Statement: { Effect: "Allow", Action: "s3:*", Resource: "arn:aws:s3:::{{caller.nam}}" },
      },
    }),
    "InvalidArgument INVALID_POLICY",
    /statement 1.*Did you mean {{caller\.name}}\?/,
  ],
  [
    "a template of user names with a variable that is none",
    (c) => c.write("aws/config/root", { username_template: "ci-{{nobody}}" }),
    "InvalidArgument INVALID_FIELD",
    /"username_template" has an unknown variable/,
  ],
  [
    "a root key without its secret",
    (c) => c.write("bare/config/root", { access_key: "AKIAIOSFODNN7EXAMPLE" }),
    "InvalidArgument INVALID_FIELD",
    /"secret_key" is missing/,
  ],
  [
    "a role without permissions",
    writeRole({ default_ttl: "1h" }),
    "InvalidArgument INVALID_FIELD",
    /"policy_document" is missing/,
  ],
  [
    "a default TTL beyond the maximum",
    writeRole({ policy_document: deployPolicy, default_ttl: "2h", max_ttl: "1h" }),
    "InvalidArgument INVALID_FIELD",
    /"default_ttl" must not be more/,
  ],
  [
    "a policy that is not JSON",
    writeRole({ policy_document: '{"Version":' }),
    "InvalidArgument INVALID_POLICY",
    /"policy_document" is not JSON: it ends too early/,
  ],
  [
    "a policy that is no object",
    writeRole({ policy_document: "[]" }),
    "InvalidArgument INVALID_POLICY",
    /must be a JSON object/,
  ],
  [
    "a policy that is a number",
    writeRole({ policy_document: 7 }),
    "InvalidArgument INVALID_POLICY",
    /must be a JSON object/,
  ],
  [
    "a policy without statements",
    writeRole({ policy: '{"Version":"2012-10-17"}' }),
    "InvalidArgument INVALID_POLICY",
    /"policy" must have at least one statement/,
  ],
  [
    "a policy that is too long with the guard",
    writeRole({ policy_document: longPolicy }),
    "InvalidArgument INVALID_POLICY",
    /too long.*2048/,
  ],

  ["an unknown lease", (c) => c.lookup(unknownLease), "NotFound NO_SUCH_LEASE", /0d042c53/],
  ["revoking an unknown lease", (c) => c.revoke(unknownLease), "NotFound NO_SUCH_LEASE", /0d042c53/],
  ["renewing an unknown lease", (c) => c.renew(unknownLease, 60n), "NotFound NO_SUCH_LEASE", /0d042c53/],
  ["a lease id that is none", (c) => c.lookup(""), "NotFound NO_SUCH_LEASE", /""/],
  ["renewing by nothing", (c) => c.renew(unknownLease, 0n), "InvalidArgument INVALID_FIELD", /increment/],
  ["revoking everything", (c) => c.revokePrefix(""), "InvalidArgument INVALID_FIELD", /prefix/],
  ["revoking under no mount", (c) => c.revokePrefix("azure"), "NotFound NO_MOUNT", /"azure"/],
  [
    "a page of leases that is too long",
    (c) => c.listLeases(1001),
    "InvalidArgument INVALID_FIELD",
    /page_size/,
  ],
  [
    "a message beyond the limit",
    (c) => c.write("kv/big", { value: "x".repeat(70_000) }),
    "ResourceExhausted LIMIT_EXCEEDED",
    /65536|bytes/,
  ],
  [
    "a secret beyond the limit",
    (c) => c.write("kv/big", { value: "x".repeat(33_000) }),
    "ResourceExhausted LIMIT_EXCEEDED",
    /32768/,
  ],
];
