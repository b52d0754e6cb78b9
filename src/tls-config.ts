import type { TlsFiles } from "./rpc/tls-identity.ts";

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
    else if (clientCaFile !== undefined)
      problems.push(
        "LEASEHOLD_TLS_CLIENT_CA_FILE is set without LEASEHOLD_TLS_CERT_FILE and LEASEHOLD_TLS_KEY_FILE.",
      );
    return undefined;
  }
  if (clientAuth === "require" && clientCaFile === undefined)
    problems.push("LEASEHOLD_TLS_CLIENT_AUTH is require, which needs LEASEHOLD_TLS_CLIENT_CA_FILE.");
  return { certFile, keyFile, clientCaFile, isClientCertRequired: clientAuth === "require" };
}
