import { AuthService, type TokenInfo } from "../../gen/leasehold/v1/auth_pb.ts";
import { withSession } from "./client.ts";
import { flagValue, type Invocation } from "./command.ts";
import { UsageError } from "./errors.ts";
import { escapeText } from "./escape.ts";
import { parseFlagDuration, type WireDuration } from "./flag-duration.ts";
import { keyValueLines } from "./output.ts";
import { tokenDocument, tokenRows } from "./token-view.ts";

const pageSize = 1000;

/** Prints a token that was made, and what it is. */
export function showIssuedToken(
  { output }: Pick<Invocation, "output">,
  issued: {
    readonly token: string;
    readonly info?: TokenInfo | undefined;
    readonly warnings: readonly string[];
  },
): void {
  const { token, info, warnings } = issued;
  output.result(
    () => keyValueLines([["token", token], ...(info ? tokenRows(info) : [])]),
    () => ({ token, ...(info ? tokenDocument(info) : {}), warnings: [...warnings] }),
  );
  output.warnings(warnings);
}

/** `leasehold token create`. */
export async function create(invocation: Invocation): Promise<number> {
  const { flags } = invocation;
  const ttl = positive(invocation, "ttl");
  const maxTtl = positive(invocation, "max-ttl");
  const request = {
    policies: [...(flags.get("policy") ?? [])],
    ...(ttl && { ttl }),
    ...(maxTtl && { maxTtl }),
    numUses: uses(flagValue(invocation, "uses")),
    displayName: flagValue(invocation, "display-name") ?? "",
    metadata: metadataOf(flags.get("metadata") ?? []),
    orphan: flags.has("orphan"),
    notRenewable: flags.has("not-renewable"),
    noDefaultPolicy: flags.has("no-default-policy"),
  };
  const issued = await withSession(invocation, (session) =>
    session.call(AuthService.method.create, request, { doing: "making a token" }),
  );
  showIssuedToken(invocation, issued);
  return 0;
}

/** `leasehold token lookup [ACCESSOR]`. */
export async function lookup(invocation: Invocation): Promise<number> {
  const accessor = invocation.arg("ACCESSOR");
  const { info } = await withSession<{ info?: TokenInfo | undefined }>(invocation, (session) =>
    accessor === ""
      ? session.call(AuthService.method.lookupSelf, {}, { doing: "looking the token up" })
      : session.call(AuthService.method.lookup, { accessor }, { doing: `looking up ${accessor}` }),
  );
  if (!info) throw new Error("The server described no token.");
  invocation.output.result(
    () => keyValueLines(tokenRows(info)),
    () => tokenDocument(info),
  );
  return 0;
}

/** `leasehold token renew`. */
export async function renew(invocation: Invocation): Promise<number> {
  const increment = positive(invocation, "increment");
  const { info, warnings } = await withSession(invocation, (session) =>
    session.call(
      AuthService.method.renewSelf,
      { ...(increment && { increment }) },
      { doing: "renewing the token" },
    ),
  );
  const { output } = invocation;
  output.result(
    () => keyValueLines(info ? tokenRows(info) : []),
    () => ({ ...(info ? tokenDocument(info) : {}), warnings }),
  );
  output.warnings(warnings);
  return 0;
}

/** `leasehold token revoke ACCESSOR|--self`. */
export async function revoke(invocation: Invocation): Promise<number> {
  const accessor = invocation.arg("ACCESSOR");
  const isSelf = invocation.flags.has("self");
  if (isSelf === (accessor !== "")) throw new UsageError("give ACCESSOR or --self, one of them");
  const { warnings } = await withSession<{ warnings: string[] }>(invocation, (session) =>
    isSelf
      ? session.call(AuthService.method.revokeSelf, {}, { doing: "revoking the token" })
      : session.call(AuthService.method.revoke, { accessor }, { doing: `revoking the token ${accessor}` }),
  );
  const { output } = invocation;
  output.result(
    () => [isSelf ? "The token was revoked." : `The token '${escapeText(accessor)}' was revoked.`],
    () => ({ accessor: accessor || null, warnings }),
  );
  output.warnings(warnings);
  return 0;
}

/** `leasehold token list`. */
export async function list(invocation: Invocation): Promise<number> {
  const accessors = await withSession(invocation, async (session) => {
    const all: string[] = [];
    for (let pageToken = ""; ; ) {
      const page = await session.call(
        AuthService.method.list,
        { pageSize, pageToken },
        { doing: "listing tokens" },
      );
      all.push(...page.accessors);
      pageToken = page.nextPageToken;
      if (pageToken === "") return all;
    }
  });
  invocation.output.result(
    () => accessors.map(escapeText),
    () => ({ accessors }),
  );
  return 0;
}

function positive(invocation: Invocation, flag: string): WireDuration | undefined {
  const text = flagValue(invocation, flag);
  if (text === undefined) return undefined;
  const duration = parseFlagDuration(flag, text);
  if (duration.seconds === 0n && duration.nanos === 0)
    throw new UsageError(`--${flag} is "${text}"; it must be longer than 0`);
  return duration;
}

function uses(text: string | undefined): bigint {
  if (text === undefined) return 0n;
  if (!/^[1-9][0-9]{0,8}$/.test(text))
    throw new UsageError(`--uses is "${text}"; it must be a whole number from 1`);
  return BigInt(text);
}

function metadataOf(entries: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    entries.map((entry) => {
      const at = entry.indexOf("=");
      if (at < 1) throw new UsageError(`--metadata is "${entry}"; it must be KEY=VALUE`);
      return [entry.slice(0, at), entry.slice(at + 1)];
    }),
  );
}
