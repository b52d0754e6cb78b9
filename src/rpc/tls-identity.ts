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

/** Thrown where the files of an identity cannot be used; says which, and why: a sentence for each problem. */
export class TlsIdentityError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join(" "));
    this.name = "TlsIdentityError";
    this.problems = problems;
  }
}

/** What the files hold, checked, and what tells whether they have changed. */
export interface TlsIdentity {
  readonly options: SecureContextOptions;
  readonly digest: string;
}

function read(name: string, file: string, problems: string[]): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch (error) {
    const why = error instanceof Error && "code" in error ? String(error.code) : String(error);
    problems.push(`${name} names the file ${JSON.stringify(file)}, which cannot be read (${why}).`);
    return undefined;
  }
}

/** The certificates in PEM, in order. Throws where one cannot be read, such as one of which half is written. */
function certificatesIn(pem: Buffer): readonly X509Certificate[] {
  const blocks = pem
    .toString("latin1")
    .match(/-----BEGIN CERTIFICATE-----[^-]*(-----END CERTIFICATE-----)?/g);
  return (blocks ?? []).map((block) => new X509Certificate(block));
}

/** Says what is wrong with certificates in PEM; undefined where nothing is. `name` is what names their file. */
export function certificateProblem(name: string, pem: Buffer, nowMs: number): string | undefined {
  try {
    const read = certificatesIn(pem);
    if (read.length === 0) return `${name} holds no certificate in PEM.`;
    // Of several CAs some may be over.
    if (read.some(({ validTo }) => Date.parse(validTo) > nowMs)) return undefined;
    return `${name} holds a certificate that has expired, at ${read[0]?.validTo}.`;
  } catch {
    return `${name} holds a certificate that cannot be read.`;
  }
}

/** Reads the files of an identity. Throws `TlsIdentityError` with all that is missing, broken, over, or does not belong together. */
export function readTlsIdentity({ certFile, keyFile, clientCaFile }: TlsFiles, nowMs: number): TlsIdentity {
  const problems: string[] = [];
  const cert = read("LEASEHOLD_TLS_CERT_FILE", certFile, problems);
  const key = read("LEASEHOLD_TLS_KEY_FILE", keyFile, problems);
  const ca =
    clientCaFile === undefined ? undefined : read("LEASEHOLD_TLS_CLIENT_CA_FILE", clientCaFile, problems);
  const ofCert = cert && identityProblem(cert, key, nowMs);
  const ofCa = ca && certificateProblem("LEASEHOLD_TLS_CLIENT_CA_FILE", ca, nowMs);
  problems.push(...[ofCert, ofCa].filter((problem) => problem !== undefined));
  if (problems.length > 0 || !cert || !key) throw new TlsIdentityError(problems);
  // Without CAs given, Node would believe those of the system.
  const options = { cert, key, ...(ca && { ca }) };
  const digest = createHash("sha256");
  for (const bytes of [cert, key, ca ?? ""]) digest.update(bytes).update("\0");
  return { options, digest: digest.digest("hex") };
}

function identityProblem(cert: Buffer, key: Buffer | undefined, nowMs: number): string | undefined {
  const name = "LEASEHOLD_TLS_CERT_FILE";
  const problem = certificateProblem(name, cert, nowMs);
  if (problem !== undefined) return problem;
  // The first certificate is the listeners' own, also where those of CAs follow.
  const validTo = certificatesIn(cert)[0]?.validTo ?? "";
  if (Date.parse(validTo) <= nowMs) return `${name} holds a certificate that has expired, at ${validTo}.`;
  if (!key) return undefined;
  try {
    createSecureContext({ cert, key });
    return undefined;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return `${name} and LEASEHOLD_TLS_KEY_FILE cannot be used together: ${why}.`;
  }
}
