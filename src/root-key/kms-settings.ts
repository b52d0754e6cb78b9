import type { KmsRootKey } from "./kms-decrypt.ts";

/** What the environment says about a root key in KMS. */
export interface KmsSettings {
  /** The sealed root key in base64; undefined where there is none. */
  readonly ciphertextText: string | undefined;
  readonly kmsKey: string | undefined;
  readonly region: string | undefined;
  readonly endpointUrl: string | undefined;
  /** Takes what is wrong, a sentence each. */
  readonly problems: string[];
}

/** KMS takes no longer ones. */
const ciphertextBytesMax = 6144;

/** Reads where KMS has the root key. The region is that of the key's ARN, else the one of the surroundings. */
export function readKmsRootKey(settings: KmsSettings): KmsRootKey | undefined {
  const { ciphertextText, kmsKey, endpointUrl, problems } = settings;
  if (ciphertextText === undefined) return undefined;
  const ciphertext = Buffer.from(ciphertextText, "base64");
  const isBase64 = /^[A-Za-z0-9+/\s]+={0,2}$/.test(ciphertextText);
  if (!isBase64 || ciphertext.length === 0 || ciphertext.length > ciphertextBytesMax) {
    problems.push(
      "LEASEHOLD_ROOT_KEY_KMS must be the CiphertextBlob that KMS answered, in base64. Make one with: " +
        "aws kms generate-data-key-without-plaintext --key-spec AES_256 --key-id ...",
    );
  }
  const arnRegion = /^arn:[^:]+:kms:([a-z0-9-]+):\d+:(?:key|alias)\//.exec(kmsKey ?? "")?.[1];
  const region = arnRegion ?? settings.region;
  if (region === undefined || !/^[a-z]{2,}(-[a-z0-9]+)+$/.test(region)) {
    problems.push(
      "LEASEHOLD_ROOT_KEY_KMS needs the region of its key: set LEASEHOLD_ROOT_KEY_KMS_KEY to the ARN of the key, or set AWS_REGION.",
    );
  }
  return { ciphertext, region: region ?? "", kmsKey, endpointUrl };
}
