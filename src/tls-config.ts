import { readFileSync } from "node:fs";
import { isTlsRedisUrl } from "./redis/redis-url.ts";
import { certificateProblem, readTlsIdentity, type TlsFiles, TlsIdentityError } from "./rpc/tls-identity.ts";

/** Reads which files the listeners' identity is in; undefined where they speak plain text. Adds what is wrong to `problems`. */
export function readTlsFiles(
  text: (name: string) => string | undefined,
  problems: string[],
): TlsFiles | undefined {
  const certFile = text("LEASEHOLD_TLS_CERT_FILE");
  const keyFile = text("LEASEHOLD_TLS_KEY_FILE");
  const clientCaFile = text("LEASEHOLD_TLS_CLIENT_CA_FILE");
  const clientAuth = text("LEASEHOLD_TLS_CLIENT_AUTH");
  if (clientAuth !== undefined && clientAuth !== "request" && clientAuth !== "require")
    problems.push(`LEASEHOLD_TLS_CLIENT_AUTH must be "request" or "require"; it is "${clientAuth}".`);
  if (certFile === undefined || keyFile === undefined) {
    if (certFile !== undefined || keyFile !== undefined)
      problems.push(
        "LEASEHOLD_TLS_CERT_FILE and LEASEHOLD_TLS_KEY_FILE belong together; one of them is not set.",
      );
    // Whoever wants clients to show certificates must not be listened to in plain text.
    else if (clientCaFile !== undefined || clientAuth === "require")
      problems.push(
        `LEASEHOLD_TLS_CLIENT_${clientCaFile === undefined ? "AUTH" : "CA_FILE"} is set without LEASEHOLD_TLS_CERT_FILE and LEASEHOLD_TLS_KEY_FILE.`,
      );
    return undefined;
  }
  if (clientAuth === "require" && clientCaFile === undefined)
    problems.push("LEASEHOLD_TLS_CLIENT_AUTH is require, which needs LEASEHOLD_TLS_CLIENT_CA_FILE.");
  return { certFile, keyFile, clientCaFile, isClientCertRequired: clientAuth === "require" };
}

/** Says what is wrong with the files of an identity, a sentence for each problem. */
export function tlsFileProblems(files: TlsFiles): readonly string[] {
  try {
    readTlsIdentity(files, Date.now());
    return [];
  } catch (error) {
    if (error instanceof TlsIdentityError) return error.problems;
    throw error;
  }
}

/** Reads the CAs that are believed where Redis is reached over TLS, in PEM; undefined for those of the system. Adds what is wrong to `problems`. */
export function readRedisCa(
  text: (name: string) => string | undefined,
  redisUrl: string | undefined,
  problems: string[],
): string | undefined {
  const name = "LEASEHOLD_REDIS_CA_FILE";
  const file = text(name);
  if (file === undefined) return undefined;
  if (redisUrl !== undefined && !isTlsRedisUrl(redisUrl))
    problems.push(
      `${name} is set, and the URL of Redis asks for no TLS. Begin it with "rediss", such as "rediss://".`,
    );
  try {
    const pem = readFileSync(file);
    const problem = certificateProblem(name, pem, Date.now());
    if (problem !== undefined) problems.push(problem);
    return pem.toString("latin1");
  } catch (error) {
    const why = error instanceof Error && "code" in error ? String(error.code) : String(error);
    problems.push(`${name} names the file ${JSON.stringify(file)}, which cannot be read (${why}).`);
    return undefined;
  }
}
