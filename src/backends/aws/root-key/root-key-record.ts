import { CoreError } from "../../../core/errors.ts";
import type { MountStorage } from "../../../core/mount-storage.ts";
import { type RootConfig, readRootConfig, updateRootConfig } from "../root-config.ts";
import { type KeyRecord, KeyRecordGone, type RotatingKey } from "../rotation/rotating-key.ts";

/** How many ids of former keys are kept: handles of leases may name one, from before the account was known. */
const formerKeysMax = 20;

/** The root key of a mount as a key that is rotated: where it is stored, all in the entry of config/root. */
export function rootKeyRecord(storage: MountStorage): KeyRecord {
  return {
    async read() {
      const config = await readRootConfig(storage);
      return config && keyOf(config);
    },
    async change(by) {
      const written = await updateRootConfig(
        storage,
        (config) => {
          const key = config && keyOf(config);
          if (config === undefined || key === undefined) throw new KeyRecordGone();
          return withKey(config, by(key));
        },
        // A revocation needs the key that is the current one, on a mount that is going away as well.
        { whileUnmounting: true },
      );
      const key = keyOf(written);
      if (key === undefined) throw new KeyRecordGone();
      return key;
    },
  };
}

function keyOf({ accessKey, secretKey, turnover }: RootConfig): RotatingKey | undefined {
  if (accessKey === undefined || secretKey === undefined) return undefined;
  return { user: "", ...turnover, current: { id: accessKey, secret: secretKey } };
}

function withKey(config: RootConfig, { current, ...turnover }: RotatingKey): RootConfig {
  if (current === undefined) throw new Error("A root key that is rotated has a current key.");
  if (current.id === config.accessKey) return { ...config, turnover };
  const former = [...(config.formerKeys ?? []), config.accessKey ?? ""].slice(-formerKeysMax);
  return { ...config, accessKey: current.id, secretKey: current.secret, turnover, formerKeys: former };
}

/** Says why a root key cannot be rotated; undefined where it can. */
export function whyNotRotated(config: RootConfig): CoreError | undefined {
  const refuse = (why: string) => new CoreError("BACKEND_REFUSED", `Cannot rotate the root key: ${why}`);
  if (config.roleArn !== undefined) {
    return refuse(
      "the mount works with sessions of role_arn, which AWS ends and leasehold renews by itself. There is no key to rotate; take role_arn away to work with a key.",
    );
  }
  if (config.accessKey === undefined) {
    return refuse(
      "the mount has none of its own; its credentials are those of the server's surroundings, and are rotated there.",
    );
  }
  if (config.accessKey.startsWith("ASIA")) {
    return refuse(`${config.accessKey} is of temporary credentials, which end by themselves.`);
  }
  return undefined;
}
