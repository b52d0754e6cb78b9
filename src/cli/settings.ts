import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { UsageError } from "./errors.ts";
import { fileProblem } from "./input.ts";
import type { Io } from "./io.ts";

/** How a result is printed. */
export type Format = "table" | "json";

/** Where the server is, and how to speak to it. */
export type Settings = {
  /** Address of the server as it was given, for messages. */
  address: string;
  /** Host and port, as a dial target. */
  target: string;
  /** Whether the connection uses TLS. */
  isTls: boolean;
  /** Token of the caller; undefined where none is set. */
  token: string | undefined;
  /** Certificates of the CA that signs the server's, PEM; undefined means the system's. */
  caCert: Buffer | undefined;
  /** The certificate to show to the server, and its key, PEM; undefined shows none. */
  clientCert: { cert: Buffer; key: Buffer } | undefined;
};

/** The global flags that were given, by name. */
export type GlobalFlags = Readonly<
  Partial<Record<"address" | "token" | "ca-cert" | "client-cert" | "client-key" | "format", string>>
>;

const addressDefault = "http://127.0.0.1:8210";

/** Environment variables of this process: the only place where the command line reads them. */
export function processEnvironment(): Io["env"] {
  return process.env;
}

/**
 * Tells the format of the output: the flag, else `LEASEHOLD_FORMAT`, else a
 * table. Throws a UsageError for a format that does not exist.
 */
export function readFormat(flags: GlobalFlags, env: Io["env"]): Format {
  const [text, origin] = firstSet(flags.format, "--format", env["LEASEHOLD_FORMAT"], "LEASEHOLD_FORMAT");
  if (text === undefined || text === "table" || text === "json") return text ?? "table";
  throw new UsageError(`${origin} is "${text}"; it must be "table" or "json"`);
}

/**
 * Puts the settings of a call together: a flag wins over its variable, and an
 * empty variable counts as unset. Throws a UsageError that names the flag or the
 * variable which cannot be used.
 */
export function readSettings(flags: GlobalFlags, { env, cwd }: Pick<Io, "env" | "cwd">): Settings {
  const [address = addressDefault, addressOrigin] = firstSet(
    flags.address,
    "--address",
    env["LEASEHOLD_ADDR"],
    "LEASEHOLD_ADDR",
  );
  const url = URL.canParse(address) ? new URL(address) : undefined;
  const isHttp = url?.protocol === "http:" || url?.protocol === "https:";
  if (!url || !isHttp || url.username || url.password || url.pathname !== "/" || url.search || url.hash) {
    // What stands before an "@" may be a password.
    const shown = address.replace(/[^/]*@/, "***@");
    throw new UsageError(
      `${addressOrigin} is "${shown}"; it must be like "${addressDefault}" or "https://host:port"`,
    );
  }
  const isTls = url.protocol === "https:";

  const [token, tokenOrigin] = firstSet(flags.token, "--token", env["LEASEHOLD_TOKEN"], "LEASEHOLD_TOKEN");
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token)) {
    throw new UsageError(`${tokenOrigin} is empty, or holds characters that a token cannot have`);
  }

  const [caFile, caOrigin] = firstSet(
    flags["ca-cert"],
    "--ca-cert",
    env["LEASEHOLD_CACERT"],
    "LEASEHOLD_CACERT",
  );
  if (flags["ca-cert"] !== undefined && !isTls) {
    throw new UsageError(
      `--ca-cert needs an address that starts with https://, and the address is "${address}"`,
    );
  }
  const caCert =
    caFile !== undefined && isTls
      ? readPem(resolve(cwd, caFile), { name: caFile, origin: caOrigin, kind: "certificate" })
      : undefined;

  return {
    address,
    target: `dns:${url.hostname}:${url.port || (isTls ? "443" : "80")}`,
    isTls,
    token,
    caCert,
    clientCert: isTls ? readClientCertificate(flags, { env, cwd }) : undefined,
  };
}

function readClientCertificate(
  flags: GlobalFlags,
  { env, cwd }: Pick<Io, "env" | "cwd">,
): Settings["clientCert"] {
  const [certFile, certOrigin] = firstSet(
    flags["client-cert"],
    "--client-cert",
    env["LEASEHOLD_CLIENT_CERT"],
    "LEASEHOLD_CLIENT_CERT",
  );
  const [keyFile, keyOrigin] = firstSet(
    flags["client-key"],
    "--client-key",
    env["LEASEHOLD_CLIENT_KEY"],
    "LEASEHOLD_CLIENT_KEY",
  );
  if (certFile === undefined && keyFile === undefined) return undefined;
  if (certFile === undefined || keyFile === undefined)
    throw new UsageError(`${certOrigin} and ${keyOrigin} belong together, and one of them is not given`);
  return {
    cert: readPem(resolve(cwd, certFile), { name: certFile, origin: certOrigin, kind: "certificate" }),
    key: readPem(resolve(cwd, keyFile), { name: keyFile, origin: keyOrigin, kind: "private key" }),
  };
}

function readPem(
  path: string,
  file: { readonly name: string; readonly origin: string; readonly kind: "certificate" | "private key" },
): Buffer {
  const { name, origin, kind } = file;
  let pem: Buffer;
  try {
    pem = readFileSync(path);
  } catch (error) {
    throw new UsageError(`${origin}: cannot read the file "${name}" (${fileProblem(error)})`);
  }
  const begins =
    kind === "certificate" ? /-----BEGIN CERTIFICATE-----/ : /-----BEGIN [A-Z ]*PRIVATE KEY-----/;
  if (!begins.test(pem.toString("latin1"))) {
    throw new UsageError(`${origin}: the file "${name}" holds no ${kind} in PEM form`);
  }
  return pem;
}

/** A flag that was given wins, even an empty one, so that mistakes show; then a variable that is not empty. */
function firstSet(
  flag: string | undefined,
  flagName: string,
  variable: string | undefined,
  variableName: string,
): [string | undefined, string] {
  if (flag !== undefined) return [flag, flagName];
  return [variable || undefined, variableName];
}
