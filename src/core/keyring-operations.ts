import { CoreError } from "./errors.ts";
import { invalidField } from "./field.ts";
import { keyBytes } from "./keyring.ts";
import type { KeyringKeeper } from "./keyring-keeper.ts";
import type { Operates } from "./operate.ts";

/** What can be asked about the keys that everything is sealed with. */
export interface KeyringOperations {
  /** Makes a new data key active. Throws `NOT_CONFIGURED` on a server that lacks the root key, `LIMIT_EXCEEDED`. */
  readonly rotateKeyring: {
    readonly input: Record<never, never>;
    readonly output: { readonly term: number; readonly activeSinceMs: number };
  };
  /** Wraps the data keys with another root key, which is secret. Throws `INVALID_FIELD`. */
  readonly rekeyKeyring: {
    readonly input: { readonly newRootKey: Uint8Array };
    readonly output: { readonly rekeyedAtMs: number; readonly warnings: readonly string[] };
  };
}

const restartWarning =
  "Every server that starts from now on needs the new root key. Give it to all of them and restart them one by one; " +
  "until then they go on, and must not be made to follow a rotation. Keep the earlier key for backups of Redis from before.";

/** Makes the operations on the keyring. Without a keeper, as where nothing is stored, they are refused. */
export function keyringOperations(options: {
  readonly keyring: KeyringKeeper | undefined;
}): Operates<keyof KeyringOperations> {
  const keeper = (): KeyringKeeper => {
    if (options.keyring) return options.keyring;
    throw new CoreError(
      "UNSUPPORTED_OPERATION",
      "This server works with data keys that are not kept anywhere.",
    );
  };
  return {
    rotateKeyring: (_input, { signal }) => keeper().rotate(signal),
    async rekeyKeyring({ newRootKey }) {
      if (newRootKey.length !== keyBytes) {
        throw invalidField("new_root_key", `must be ${keyBytes} bytes; it has ${newRootKey.length}.`);
      }
      const { rekeyedAtMs } = await keeper().rekey(newRootKey);
      return { rekeyedAtMs, warnings: [restartWarning] };
    },
  };
}
