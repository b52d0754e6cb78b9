/** Where a server listens. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

/** Who one is to a server; what is not set is not sent. */
export interface RedisCredentials {
  readonly username?: string;
  readonly password?: string;
}

/** Whose certificates are believed, where TLS is used. */
export interface RedisTrust {
  /** CAs in PEM; those of the system where there are none. */
  readonly ca?: string | undefined;
}

/** One server, by the URL as it was given. */
export interface SingleRedis extends RedisTrust {
  readonly kind: "single";
  readonly url: string;
}

/** Servers that a group of sentinels watches; they know which one is the primary. */
export interface SentinelRedis extends RedisTrust {
  readonly kind: "sentinel";
  readonly sentinels: readonly RedisAddress[];
  readonly masterName: string;
  readonly db: number;
  readonly credentials: RedisCredentials;
  readonly sentinelCredentials: RedisCredentials;
  readonly isTls: boolean;
}

/** A cluster, by some of its nodes; they know the others. */
export interface ClusterRedis extends RedisTrust {
  readonly kind: "cluster";
  readonly nodes: readonly RedisAddress[];
  readonly credentials: RedisCredentials;
  readonly isTls: boolean;
}

/** What a Redis URL leads to. */
export type RedisTarget = SingleRedis | SentinelRedis | ClusterRedis;

/** A Redis URL that is none, and why: half a sentence that shows no credentials. */
export class RedisUrlError extends Error {
  readonly why: string;

  constructor(why: string) {
    super(`Cannot use the Redis URL: ${why}.`);
    this.name = "RedisUrlError";
    this.why = why;
  }
}

/** What a Redis URL begins with, one for each form. */
const redisUrlSchemes = [
  "redis://",
  "rediss://",
  "redis+cluster://",
  "rediss+cluster://",
  "redis+sentinel://",
  "rediss+sentinel://",
] as const;

const redisPort = 6379;
const sentinelPort = 26379;
const badlyEncoded = "what is special in its user name and password must be percent-encoded";
const sentinelParameters = ["sentinel_username", "sentinel_password"] as const;

/** Says whether a Redis URL asks for TLS. */
export function isTlsRedisUrl(url: string): boolean {
  return url.startsWith("rediss");
}

/**
 * Reads a Redis URL: a server, a cluster, or what sentinels watch. User and
 * password stand before an `@`, percent-encoded. Throws `RedisUrlError` for
 * a URL that is none of these.
 */
export function parseRedisUrl(url: string, { ca }: RedisTrust = {}): RedisTarget {
  const [, tls = "", kind = "", authority = "", path = "", query = ""] =
    /^redis(s?)(?:\+(cluster|sentinel))?:\/\/([^/?#]*)([^?#]*)(?:\?([^#]*))?$/.exec(url) ?? [];
  const isKnown = /^rediss?(?:\+(?:cluster|sentinel))?:\/\//.test(url);
  if (!isKnown || authority === "") {
    throw refusal(
      `it must begin with ${redisUrlSchemes.map((scheme) => `"${scheme}"`).join(", ")}, and name a host`,
    );
  }
  // An "@" this late is one of a password with an unencoded "/" or "?" before it; nothing of it may be shown.
  if (`${path}${query}`.includes("@")) throw refusal(badlyEncoded);
  if (kind === "") return { ...singleRedis(url), ca };
  const userEnd = authority.lastIndexOf("@");
  const credentials = readCredentials(authority.slice(0, Math.max(userEnd, 0)));
  const isTls = tls !== "";
  const parameters = new URLSearchParams(query);
  if (kind === "cluster") {
    if (!/^(\/0?)?$/.test(path)) throw refusal(`a cluster has the database 0 alone, not "${path.slice(1)}"`);
    refuseParameters(parameters, []);
    return { kind, nodes: readAddresses(authority.slice(userEnd + 1), redisPort), credentials, isTls, ca };
  }
  const [, masterName = "", db = "0"] = /^\/([^/]+)(?:\/(\d*))?$/.exec(path) ?? [];
  if (masterName === "") {
    throw refusal(
      `its path must be the name by which the sentinels know the primary, and may end in the number of a database, ` +
        `such as "/mymaster/0"; it is "${path}"`,
    );
  }
  refuseParameters(parameters, sentinelParameters);
  return {
    kind: "sentinel",
    sentinels: readAddresses(authority.slice(userEnd + 1), sentinelPort),
    masterName: decode(masterName, "the name of the primary"),
    db: Number(db),
    credentials,
    sentinelCredentials: {
      ...optional("username", parameters.get("sentinel_username")),
      ...optional("password", parameters.get("sentinel_password")),
    },
    isTls,
    ca,
  };
}

/** An address as `host:port`, with an IPv6 host in brackets. */
export function formatRedisAddress({ host, port }: RedisAddress): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function singleRedis(url: string): SingleRedis {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined)
    throw refusal(`its host and port cannot be read; the form is "redis://host:port/0"`);
  if (!/^(\/\d*)?$/.test(parsed.pathname)) {
    throw refusal(`its path must be the number of a database, such as "/0", not "${parsed.pathname}"`);
  }
  return { kind: "single", url };
}

function readAddresses(list: string, defaultPort: number): RedisAddress[] {
  return list.split(",").map((text) => {
    const [, v6, name, digits] =
      /^(?:\[([0-9a-fA-F:.]+)\]|([\w.-]+))(?::(\d{1,5}))?$/.exec(text.trim()) ?? [];
    const host = v6 ?? name;
    const port = digits === undefined ? defaultPort : Number(digits);
    // Not shown: a password with an unencoded character ends up here, too.
    if (host === undefined || port < 1 || port > 65_535) {
      throw refusal(`its hosts must be "host:port", with commas between them, and ${badlyEncoded}`);
    }
    return { host, port };
  });
}

function readCredentials(text: string): RedisCredentials {
  const [username = "", ...password] = text.split(":");
  return {
    ...optional("username", decode(username, "the user name")),
    ...optional("password", decode(password.join(":"), "the password")),
  };
}

function refuseParameters(parameters: URLSearchParams, known: readonly string[]): void {
  const stray = [...parameters.keys()].find((name) => !known.includes(name));
  if (stray !== undefined) throw refusal(`it has the parameter "${stray}", which is not known here`);
}

function optional<Name extends string>(name: Name, value: string | null): { [name in Name]?: string } {
  return value === null || value === "" ? {} : ({ [name]: value } as { [name in Name]: string });
}

function decode(text: string, what: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw refusal(`${what} in it is not percent-encoded correctly`);
  }
}

function refusal(why: string): RedisUrlError {
  return new RedisUrlError(why);
}
