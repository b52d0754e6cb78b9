import { type Clock, systemClock } from "../../core/clock.ts";
import { CoreError, quote } from "../../core/errors.ts";
import type { MountStorage } from "../../core/mount-storage.ts";
import { type AwsFailure, isAwsFailure } from "./aws-failure.ts";
import type { AwsOptions } from "./aws-options.ts";
import type { Iam, IamSettings } from "./iam.ts";
import { connectSdkIam } from "./iam-client.ts";
import {
  defaultMaxRetries,
  defaultRegion,
  type RootConfig,
  reachesSameAccount,
  readRootConfig,
  rootConfigPath,
  updateRootConfig,
} from "./root-config.ts";

/** Longest wait for STS, in milliseconds: nobody should wait long for what is only good to know. */
const accountTimeoutMs = 3000;
/** How long a failure to learn the account is remembered, in milliseconds, so that not every issue asks. */
const accountRetryMs = 60_000;

/** The root key of a mount, ready for use. */
export interface OpenRoot {
  readonly iam: Iam;
  /** Id of the root key. */
  readonly accessKey: string;
  /** Account of the root key; undefined while it is not known. */
  readonly account: string | undefined;
  readonly retriesMax: number;
  readonly clock: Clock;
}

/** What came of asking AWS which account a key belongs to. */
export type AccountAnswer =
  | { readonly account: string }
  /** There is no STS to ask. */
  | { readonly account: undefined; readonly failure: undefined }
  | { readonly account: undefined; readonly failure: AwsFailure };

/** The way to AWS for one mount: its root key as it is stored now, and the client made from it. */
export interface RootAccess {
  /** Opens the stored root key. Rejects with `NOT_CONFIGURED` where there is none; `mountPath` is for that message. */
  open(mountPath?: string): Promise<OpenRoot>;
  /** Asks AWS for the account where it is not known yet, and stores it. Where it cannot be told, the root stays as it is. */
  withAccount(root: OpenRoot, signal: AbortSignal): Promise<OpenRoot>;
  /** Asks AWS which account a root key that is not stored yet belongs to. */
  askAccount(config: RootConfig, signal: AbortSignal): Promise<AccountAnswer>;
  /** Closes idle connections. */
  close(): void;
}

/**
 * Makes the way to AWS for one mount. The stored root key is read at every
 * use, so that every process works with a new key at once. The client is kept while the key is the same;
 * one that was replaced finishes what is in flight.
 */
export function createRootAccess(options: {
  readonly storage: MountStorage;
  readonly aws: AwsOptions;
}): RootAccess {
  const { storage, aws } = options;
  const clock = aws.clock ?? systemClock;
  const connect = aws.connectIam ?? connectSdkIam;
  let current: { readonly settings: IamSettings; readonly iam: Iam } | undefined;
  let askAgainAtMs = 0;

  const clientOf = (config: RootConfig): Iam => {
    const settings = settingsOf(config, aws);
    if (current !== undefined && isSame(current.settings, settings)) return current.iam;
    current?.iam.close();
    current = { settings, iam: connect(settings) };
    askAgainAtMs = 0;
    return current.iam;
  };

  // Those who open at the same time, as the two halves of a revocation do, share one read.
  let reading: ReturnType<typeof readRootConfig> | undefined;
  const readConfig = (): ReturnType<typeof readRootConfig> => {
    reading ??= readRootConfig(storage).finally(() => {
      reading = undefined;
    });
    return reading;
  };

  return {
    async open(mountPath) {
      const config = await readConfig();
      if (config === undefined) throw notConfigured(mountPath);
      return {
        iam: clientOf(config),
        accessKey: config.accessKey,
        account: config.account,
        retriesMax: config.maxRetries ?? defaultMaxRetries,
        clock,
      };
    },
    async withAccount(root, signal) {
      if (root.account !== undefined || clock.nowMs() < askAgainAtMs) return root;
      const { account } = await askAccountOf(root.iam, signal);
      if (account === undefined) {
        askAgainAtMs = clock.nowMs() + accountRetryMs;
        return root;
      }
      const before = await readRootConfig(storage);
      // Another key was written meanwhile: the account is this root's, and must not be stored with that one.
      if (before === undefined || before.accessKey !== root.accessKey) return { ...root, account };
      await updateRootConfig(storage, (now) =>
        now !== undefined && reachesSameAccount(now, before) ? { ...now, account } : (now ?? before),
      );
      return { ...root, account };
    },
    async askAccount(config, signal) {
      const iam = connect(settingsOf(config, aws));
      try {
        return await askAccountOf(iam, signal);
      } finally {
        iam.close();
      }
    },
    close() {
      current?.iam.close();
      current = undefined;
    },
  };
}

async function askAccountOf(iam: Iam, signal: AbortSignal): Promise<AccountAnswer> {
  try {
    const account = await iam.accountId({
      signal: AbortSignal.any([signal, AbortSignal.timeout(accountTimeoutMs)]),
    });
    return account === undefined ? { account, failure: undefined } : { account };
  } catch (error) {
    if (!isAwsFailure(error)) throw error;
    return { account: undefined, failure: error };
  }
}

function settingsOf(config: RootConfig, aws: AwsOptions): IamSettings {
  return {
    accessKey: config.accessKey,
    secretKey: config.secretKey,
    region: config.region ?? defaultRegion,
    iamEndpoint: config.iamEndpoint ?? aws.iamEndpoint,
    stsEndpoint: config.stsEndpoint ?? aws.stsEndpoint,
  };
}

function isSame(one: IamSettings, other: IamSettings): boolean {
  return (
    one.accessKey === other.accessKey &&
    one.secretKey === other.secretKey &&
    one.region === other.region &&
    one.iamEndpoint === other.iamEndpoint &&
    one.stsEndpoint === other.stsEndpoint
  );
}

function notConfigured(mountPath: string | undefined): CoreError {
  const path = mountPath === undefined ? rootConfigPath : `${mountPath}/${rootConfigPath}`;
  return new CoreError(
    "NOT_CONFIGURED",
    `The mount has no root key yet, so nothing can be issued. Write "access_key" and "secret_key" to ${quote(path)} first.`,
    { details: { path } },
  );
}
