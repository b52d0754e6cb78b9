import type { Config } from "../config.ts";
import { Secret } from "../core/secret.ts";
import { decryptRootKey } from "./kms-decrypt.ts";

/** The configuration with its root key, which KMS decrypts where it has it. Rejects with `KmsError`. */
export async function withRootKey(config: Config): Promise<Config> {
  const { kmsRootKey } = config;
  return kmsRootKey === undefined
    ? config
    : { ...config, rootKey: new Secret(await decryptRootKey(kmsRootKey)) };
}
