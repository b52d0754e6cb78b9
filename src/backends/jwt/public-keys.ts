import { createPublicKey, type KeyObject } from "node:crypto";
import { invalidField } from "../../core/field.ts";

const keysMax = 10;
const rsaBitsMin = 2048;
const block = /-----BEGIN ([A-Z ]+)-----[A-Za-z0-9+/=\s]+-----END \1-----/g;
/** Never a private key, from which the public one could be made as well: it would be stored, and shown to whoever reads. */
const labels = ["PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE"];

/** Reads public keys in PEM, one text or several. Throws `INVALID_FIELD`, without showing them. */
export function readPublicKeys(texts: readonly string[], field: string): readonly KeyObject[] {
  const blocks = [...texts.join("\n").matchAll(block)];
  if (blocks.length === 0 || blocks.length > keysMax)
    throw invalidField(field, `must hold 1 to ${keysMax} public keys in PEM; it holds ${blocks.length}.`);
  return blocks.map(([pem, label = ""]) => {
    if (!labels.includes(label))
      throw invalidField(field, `must hold blocks of ${labels.join(", ")}, and no others.`);
    const key = keyOf(pem, field);
    const { modulusLength = rsaBitsMin } = key.asymmetricKeyDetails ?? {};
    if (modulusLength < rsaBitsMin)
      throw invalidField(field, `holds an RSA key of ${modulusLength} bits; ${rsaBitsMin} are needed.`);
    return key;
  });
}

function keyOf(pem: string, field: string): KeyObject {
  try {
    return createPublicKey(pem);
  } catch {
    throw invalidField(field, "holds a key that cannot be read.");
  }
}
