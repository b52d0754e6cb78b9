import { X509Certificate } from "node:crypto";
import type { BackendContext, BackendType } from "../../core/backend.ts";
import { invalidField, listField, stringField } from "../../core/field.ts";
import type { JsonObject } from "../../core/json.ts";
import { fitsGlob, loginFailed, loginGrantOf, storedTexts } from "../../core/login/login-role.ts";
import { loginRolePaths } from "../../core/login/login-roles-paths.ts";
import type { MountStorage } from "../../core/mount-storage.ts";
import { definePath, type PathDefinition, type PeerCertificate } from "../../core/path.ts";

const folder = "certs";
const certificateMax = 10;
/** Most roles that are tried for a login that names none. */
const triedMax = 100;
/** Uses that a certificate can be limited to, of which one is needed where it is: being a client, or any (RFC 5280, 4.2.1.12). */
const clientUses = ["1.3.6.1.5.5.7.3.2", "2.5.29.37.0"];

/** The login method `cert`: a workload logs in with the certificate that it shows at the TLS handshake. */
export function certBackend(): BackendType {
  return {
    type: "cert",
    summary: "Lets workloads log in with a TLS certificate.",
    description:
      "For workloads that have certificates, such as those of SPIFFE. The listeners must ask for them (LEASEHOLD_TLS_CLIENT_CA_FILE). " +
      "Write to certs/<name> which CA or certificate is believed and which names it must hold, and log in with nothing but the connection.",
    create: ({ storage }: BackendContext) => ({
      secretTypes: [],
      paths: [
        ...loginRolePaths({
          storage,
          folder,
          description:
            "A certificate fits where it is the one given, or one of its CAs is, and where it holds a name of each kind that is asked for. " +
            "In names, * stands for anything.",
          fields: {
            certificate: stringField("PEM of the CAs, or of the certificate itself, that are believed.", {
              isRequired: true,
              lengthMax: 32 * 1024,
            }),
            allowed_common_names: listField("Common names, one of which the certificate must have."),
            allowed_dns_sans: listField("DNS names, one of which it must hold."),
            allowed_uri_sans: listField("URIs, one of which it must hold: spiffe://example.com/ci/*."),
          },
          store: (fields) => {
            const certificate = fields.certificate ?? "";
            const certificates = parseCertificates(certificate);
            const names = {
              allowed_common_names: [...(fields.allowed_common_names ?? [])],
              allowed_dns_sans: [...(fields.allowed_dns_sans ?? [])],
              allowed_uri_sans: [...(fields.allowed_uri_sans ?? [])],
            };
            const hasCa = certificates.some(({ ca }) => ca);
            if (hasCa && Object.values(names).every((list) => list.length === 0))
              throw invalidField(
                "allowed_uri_sans",
                'is missing, and so are the other names: whatever the CA signs could log in. Write "*" where that is meant.',
              );
            return { certificate, ...names };
          },
        }),
        loginPath(storage),
      ],
    }),
  };
}

function parseCertificates(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0 || blocks.length > certificateMax)
    throw invalidField(
      "certificate",
      `must hold 1 to ${certificateMax} certificates in PEM; it holds ${blocks.length}.`,
    );
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch {
    throw invalidField("certificate", "holds a certificate that cannot be read.");
  }
}

/** Whether a certificate is one of those that are believed, or one of them has signed it. The listener has checked the whole chain. */
function isBelieved(shown: X509Certificate, believed: readonly X509Certificate[], nowMs: number): boolean {
  const isNow = ({ validFrom, validTo }: X509Certificate) =>
    Date.parse(validFrom) <= nowMs && nowMs < Date.parse(validTo);
  // Node's types know no certificate without limits on its use.
  const uses: readonly string[] | undefined = shown.keyUsage;
  if (!isNow(shown) || (uses && !uses.some((use) => clientUses.includes(use)))) return false;
  return believed.some((one) => {
    if (one.fingerprint256 === shown.fingerprint256) return true;
    return one.ca && isNow(one) && shown.checkIssued(one) && shown.verify(one.publicKey);
  });
}

/** DNS names are the same in either case. */
const lowerCase = (names: readonly string[]) => names.map((name) => name.toLowerCase());

function holdsOne(names: readonly string[], allowed: readonly string[]): boolean {
  return allowed.length === 0 || names.some((name) => allowed.some((pattern) => fitsGlob(name, pattern)));
}

/** Why a certificate does not fit a role; undefined where it does. */
function misfit(role: JsonObject, shown: PeerCertificate, nowMs: number): string | undefined {
  const certificate = new X509Certificate(shown.raw);
  if (!isBelieved(certificate, parseCertificates(String(role.certificate)), nowMs))
    return "The certificate is none that the role believes, or is not good now.";
  const isNamed =
    holdsOne([shown.commonName], storedTexts(role.allowed_common_names)) &&
    holdsOne(lowerCase(shown.dnsNames), lowerCase(storedTexts(role.allowed_dns_sans))) &&
    holdsOne(shown.uris, storedTexts(role.allowed_uri_sans));
  return isNamed ? undefined : "The certificate holds none of the names that the role asks for.";
}

function loginPath(storage: MountStorage): PathDefinition {
  return definePath({
    pattern: "login",
    summary: "The login.",
    description: "Exchanges the certificate of the connection for a token.",
    params: {},
    fields: {
      name: stringField("Name of the role; the first of 100 by name that fits where not given.", {
        lengthMax: 64,
      }),
    },
    operations: {
      write: {
        summary: "Logs in.",
        takes: ["name"],
        handle: async ({ fields: { name }, peerCertificate: shown }) => {
          if (!shown) throw loginFailed("The connection showed no certificate.");
          const isAny = name === undefined || name === "";
          const names = isAny ? (await storage.list(`${folder}/`)).slice(0, triedMax) : [name];
          const nowMs = Date.now();
          let why = "There is no such role.";
          for (const each of names) {
            const role = await storage.get(`${folder}/${each}`);
            if (!role) continue;
            const problem = misfit(role, shown, nowMs);
            if (problem !== undefined) {
              why = problem;
              continue;
            }
            const [uri = "", dnsName = ""] = [shown.uris[0], shown.dnsNames[0]];
            const { commonName, fingerprint } = shown;
            const facts = { cert_name: each, common_name: commonName, uri, dns_name: dnsName, fingerprint };
            const metadata = Object.fromEntries(Object.entries(facts).filter(([, text]) => text !== ""));
            const grant = loginGrantOf(role, { displayName: `cert-${each}`, metadata });
            // A token does not outlive the certificate that it was given for.
            const leftMs = Math.max(1000, shown.notAfterMs - nowMs);
            return { login: { ...grant, maxTtlMs: Math.min(grant.maxTtlMs ?? leftMs, leftMs) } };
          }
          throw loginFailed(why);
        },
      },
    },
  });
}
