import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";

/** A certificate of a test and its key, in PEM. */
export interface TestCertificate {
  readonly cert: string;
  readonly key: string;
  /** The CA that signed it, or itself. */
  readonly subject: string;
  readonly privateKey: KeyObject;
}

/** What a certificate is to be. */
export interface CertificateRequest {
  readonly commonName: string;
  /** Who signs it; itself where there is none. */
  readonly issuer?: TestCertificate;
  readonly isCa?: boolean;
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
  readonly uris?: readonly string[];
  /** What it may be used for, as object identifiers; anything where there are none. */
  readonly extendedKeyUses?: readonly string[];
  readonly notAfter?: Date;
}

// The few tags of X.690 that a certificate needs.
const tags = {
  boolean: 0x01,
  integer: 0x02,
  bits: 0x03,
  octets: 0x04,
  oid: 0x06,
  utf8: 0x0c,
  time: 0x18,
  sequence: 0x30,
  set: 0x31,
};

function encode(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const length =
    body.length < 128 ? Buffer.from([body.length]) : Buffer.from([0x82, body.length >> 8, body.length & 255]);
  return Buffer.concat([Buffer.from([tag]), length, body]);
}

const sequence = (...parts: readonly Uint8Array[]) => encode(tags.sequence, ...parts);

function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split(".").map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const digits = [arc & 127];
    for (let left = arc >> 7; left > 0; left >>= 7) digits.unshift((left & 127) | 128);
    bytes.push(...digits);
  }
  return encode(tags.oid, Buffer.from(bytes));
}

const name = (commonName: string) =>
  sequence(encode(tags.set, sequence(oid("2.5.4.3"), encode(tags.utf8, Buffer.from(commonName)))));

const time = (date: Date) =>
  encode(tags.time, Buffer.from(`${date.toISOString().replace(/[-:T]/g, "").slice(0, 14)}Z`));

const ecdsaWithSha256 = sequence(oid("1.2.840.10045.4.3.2"));

function extensions({
  isCa = false,
  dnsNames = [],
  ipAddresses = [],
  uris = [],
  extendedKeyUses = [],
}: CertificateRequest): Buffer {
  const critical = encode(tags.boolean, Buffer.from([255]));
  const basic = isCa ? sequence(critical) : sequence();
  const names = [
    ...dnsNames.map((dns) => encode(0x82, Buffer.from(dns))),
    ...uris.map((uri) => encode(0x86, Buffer.from(uri))),
    ...ipAddresses.map((ip) => encode(0x87, Buffer.from(ip.split(".").map(Number)))),
  ];
  const all = [sequence(oid("2.5.29.19"), critical, encode(tags.octets, basic))];
  if (names.length > 0) all.push(sequence(oid("2.5.29.17"), encode(tags.octets, sequence(...names))));
  if (extendedKeyUses.length > 0)
    all.push(sequence(oid("2.5.29.37"), encode(tags.octets, sequence(...extendedKeyUses.map(oid)))));
  return encode(0xa3, sequence(...all));
}

const pem = (kind: string, der: Uint8Array) =>
  `-----BEGIN ${kind}-----\n${Buffer.from(der)
    .toString("base64")
    .match(/.{1,64}/g)
    ?.join("\n")}\n-----END ${kind}-----\n`;

/** Makes a certificate (RFC 5280) with a P-256 key of its own. */
export function makeCertificate(request: CertificateRequest): TestCertificate {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const { commonName, issuer, notAfter = new Date(Date.now() + 86_400_000) } = request;
  const body = sequence(
    encode(0xa0, encode(tags.integer, Buffer.from([2]))),
    encode(tags.integer, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ecdsaWithSha256,
    name(issuer?.subject ?? commonName),
    sequence(time(new Date(Date.now() - 86_400_000)), time(notAfter)),
    name(commonName),
    publicKey.export({ type: "spki", format: "der" }),
    extensions(request),
  );
  const signature = sign("sha256", body, issuer?.privateKey ?? privateKey);
  const der = sequence(body, ecdsaWithSha256, encode(tags.bits, Buffer.from([0]), signature));
  return {
    cert: pem("CERTIFICATE", der),
    key: String(privateKey.export({ type: "pkcs8", format: "pem" })),
    subject: commonName,
    privateKey,
  };
}
