import { createHash, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureContext, type SecureContextOptions } from "node:tls";

/** Files of the identity that the listeners show, in PEM. */
export interface TlsFiles {
  /** The certificate, and those of the CAs between it and the root. */
  readonly certFile: string;
  readonly keyFile: string;
  /** CAs whose clients' certificates are believed; undefined asks for none. */
  readonly clientCaFile: string | undefined;
  /** Whether a client must show a certificate. */
  readonly isClientCertRequired: boolean;
}

/** Thrown where the files of an identity cannot be used; says which, and why. */
export class TlsIdentityError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "TlsIdentityError";
  }
}

/** What the files hold, checked, and what tells whether they have changed. */
export interface TlsIdentity {
  readonly options: SecureContextOptions;
  readonly digest: string;
}

function read(name: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    const why = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw new TlsIdentityError(
      `${name} names the file ${JSON.stringify(file)}, which cannot be read (${why}).`,
    );
  }
}

function certificates(name: string, pem: Buffer): readonly X509Certificate[] {
  const blocks =
    pem.toString("latin1").match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new TlsIdentityError(`${name} holds no certificate in PEM.`);
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch {
    throw new TlsIdentityError(`${name} holds a certificate that cannot be read.`);
  }
}

/** Reads the files of an identity. Throws `TlsIdentityError` for what is missing, broken, over, or does not belong together. */
export function readTlsIdentity({ certFile, keyFile, clientCaFile }: TlsFiles, nowMs: number): TlsIdentity {
  const cert = read("LEASEHOLD_TLS_CERT_FILE", certFile);
  const key = read("LEASEHOLD_TLS_KEY_FILE", keyFile);
  const ca = clientCaFile === undefined ? undefined : read("LEASEHOLD_TLS_CLIENT_CA_FILE", clientCaFile);
  const [own] = certificates("LEASEHOLD_TLS_CERT_FILE", cert);
  if (ca) certificates("LEASEHOLD_TLS_CLIENT_CA_FILE", ca);
  if (own && Date.parse(own.validTo) <= nowMs)
    throw new TlsIdentityError(
      `LEASEHOLD_TLS_CERT_FILE holds a certificate that has expired, at ${own.validTo}.`,
    );
  // Without CAs given, Node would believe those of the system.
  const options = { cert, key, ...(ca && { ca }) };
  try {
    createSecureContext(options);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new TlsIdentityError(
      `LEASEHOLD_TLS_CERT_FILE and LEASEHOLD_TLS_KEY_FILE cannot be used together: ${why}.`,
    );
  }
  const digest = createHash("sha256");
  for (const bytes of [cert, key, ca ?? ""]) digest.update(bytes).update("\0");
  return { options, digest: digest.digest("hex") };
}
