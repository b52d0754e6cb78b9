import { type Clock, startTimeout, systemClock } from "../../core/clock.ts";
import { CoreError, quote } from "../../core/errors.ts";
import type { MountStorage } from "../../core/mount-storage.ts";
import { type AwsFailure, isAwsFailure } from "./aws-failure.ts";
import type { AwsOptions } from "./aws-options.ts";
import type { AwsQuery } from "./aws-query.ts";
import type { Iam, IamSettings } from "./iam.ts";
import { connectIam } from "./iam-client.ts";
import { type AwsTraffic, createAwsTraffic } from "./pacing/aws-traffic.ts";
import type { CallClass } from "./pacing/call-class.ts";
import { userRoomReader } from "./pacing/user-room.ts";
import {
  defaultMaxRetries,
  defaultRegion,
  type RootConfig,
  reachesSameAccount,
  readRootConfig,
  rootConfigPath,
  rootNameOf,
  updateRootConfig,
} from "./root-config.ts";
import { followRoot } from "./root-key/follow-root.ts";
import { createCredentialSource, defaultChain, type RootEndpoints } from "./root-key/root-credentials.ts";
import { type KeyDescriber, keyDescriber } from "./rotation/user-keys.ts";
import { connectSessionAws, type SessionAws } from "./sts/session-aws.ts";
import { type KeyProbe, keyProbeOf } from "./users/wait-for-ready.ts";

/** Longest wait for STS, in milliseconds: nobody should wait long for what is only good to know. */
const accountTimeoutMs = 3000;
/** How long a failure to learn the account is remembered, in milliseconds, so that not every issue asks. */
const accountRetryMs = 60_000;

/** The root key of a mount, ready for use. */
export interface OpenRoot {
  readonly iam: Iam;
  /** Takes room in the account for one more user. Rejects with `LIMIT_EXCEEDED` where it has none; undefined where nobody counts. */
  readonly claimUser?: (() => Promise<void>) | undefined;
  /** What sessions are made and cut off with, by the same credentials. */
  readonly sessions: SessionAws;
  /** Asks AWS whether it knows a new key; undefined where there is no STS to ask. */
  readonly probe?: KeyProbe | undefined;
  /** How users are named, where the mount says so. */
  readonly usernameTemplate?: string | undefined;
  /** Tells about the access keys of users; undefined where IAM is not the real one. */
  readonly keys?: KeyDescriber | undefined;
  /** Id of the key that calls are signed with. */
  readonly accessKey: string;
  /** What stands for the root credentials where their account is not known, as long as they are not written anew; the key's id unless told. */
  readonly name?: string | undefined;
  /** Names that they had before: the ids of keys that were rotated. */
  readonly formerNames?: readonly string[] | undefined;
  /** Account of the root key; undefined while it is not known. */
  readonly account: string | undefined;
  readonly retriesMax: number;
  readonly clock: Clock;
}

/** What came of asking AWS which account credentials belong to; neither part where there is no STS to ask. */
interface AccountAnswer {
  readonly account: string | undefined;
  readonly failure: AwsFailure | undefined;
}

interface Clients {
  readonly settings: IamSettings;
  readonly iam: Iam;
  readonly sessions: SessionAws;
  /** For what belongs to no other client; undefined where IAM is not the real one. */
  readonly query: AwsQuery | undefined;
}

/** A client of the Query protocol by root credentials that are not stored yet. */
export interface TrialRoot {
  readonly iam: Iam;
  /** Undefined where IAM is not the real one. */
  readonly query: AwsQuery["query"] | undefined;
  readonly hasSts: boolean;
}

/** The way to AWS for one mount: its root credentials as they are stored now, and the clients made from them. */
export interface RootAccess {
  /** Opens the stored root key. Rejects with `NOT_CONFIGURED` where there is none; `mountPath` is for that message. */
  open(mountPath?: string): Promise<OpenRoot>;
  /** Does the same for a part of a revocation, whose calls have their turn before those that make and renew. */
  openToRevoke(part: "disarm" | "tidy"): Promise<OpenRoot>;
  /** Asks AWS for the account where it is not known yet, and stores it. Where it cannot be told, the root stays as it is. */
  withAccount(root: OpenRoot, signal: AbortSignal): Promise<OpenRoot>;
  /** Lets `use` ask AWS by root credentials that are not stored yet. */
  trial<T>(config: RootConfig, use: (root: TrialRoot) => Promise<T>): Promise<T>;
  /** Closes idle connections. */
  close(): void;
}

/**
 * Makes the way to AWS for one mount. The stored root key is read at every
 * use, so that every process works with a new key at once. The client is kept while the key is the same;
 * one that was replaced finishes what is in flight.
 */
export function createRootAccess(options: {
  /** Accessor of the mount, after which sessions of the root credentials are named. */
  readonly accessor: string;
  readonly storage: MountStorage;
  readonly aws: AwsOptions;
  /** What the mounts of this server share; of its own unless told. */
  readonly traffic?: AwsTraffic;
}): RootAccess {
  const { accessor, storage, aws, traffic = createAwsTraffic(aws) } = options;
  const clock = aws.clock ?? systemClock;
  const credentials = createCredentialSource({
    clock,
    loadSurroundings: aws.loadSurroundings ?? defaultChain(),
    createQuery: traffic.createQuery,
    sessionName: `leasehold-${accessor}`.replace(/[^\w+=,.@-]/g, "_").slice(0, 64),
  });
  const connectPlain =
    aws.connectIam ?? ((settings: IamSettings) => connectIam(settings, traffic.createQuery));
  let current: Clients | undefined;
  let askAgainAtMs = 0;

  const closeClients = () => {
    current?.iam.close();
    current?.sessions.close();
    current?.query?.close();
  };
  const settingsOf = async (config: RootConfig): Promise<IamSettings> => {
    const endpoints = endpointsOf(config, aws);
    const { accessKey, secretKey, sessionToken } = await credentials.get(config, endpoints);
    return { accessKey, secretKey, sessionToken, ...endpoints };
  };
  const clientsOf = (settings: IamSettings): Clients => {
    if (current !== undefined && isSame(current.settings, settings)) return current;
    closeClients();
    const createQuery = (own: IamSettings) => followRoot(traffic.createQuery(own), () => successorOf(own));
    const query = aws.connectIam === undefined ? createQuery(settings) : undefined;
    const iam = aws.connectIam?.(settings) ?? connectIam(settings, createQuery);
    const sessions = aws.connectSessions?.(settings) ?? connectSessionAws(settings, createQuery(settings));
    current = { settings, iam, sessions, query };
    askAgainAtMs = 0;
    return current;
  };
  /** The client of the credentials that have come in place of others by rotation or refresh; undefined where there are none. */
  const successorOf = async (old: IamSettings): Promise<AwsQuery["query"] | undefined> => {
    const config = await readRootConfig(storage);
    if (config === undefined) return undefined;
    const isSuccessor =
      old.sessionToken === undefined
        ? config.formerKeys?.includes(old.accessKey)
        : config.accessKey === undefined || config.roleArn !== undefined;
    const settings = await settingsOf(config);
    if (!isSuccessor || settings.accessKey === old.accessKey) return undefined;
    if (settings.iamEndpoint !== old.iamEndpoint || settings.stsEndpoint !== old.stsEndpoint)
      return undefined;
    return clientsOf(settings).query?.query;
  };

  // Those who open at the same time, as the two halves of a revocation do, share one read.
  let reading: ReturnType<typeof readRootConfig> | undefined;
  const readConfig = (): ReturnType<typeof readRootConfig> => {
    reading ??= readRootConfig(storage).finally(() => {
      reading = undefined;
    });
    return reading;
  };

  const claimerOf = (
    account: string,
    {
      query,
      headRoom = aws.userHeadRoom,
    }: { readonly query: AwsQuery | undefined; readonly headRoom: number | undefined },
  ): OpenRoot["claimUser"] => {
    if (query === undefined) return undefined;
    const room = { account, read: userRoomReader(query.query), headRoom };
    return () => traffic.headRoom.claim(room);
  };

  const openFor = async (className: CallClass, mountPath?: string): Promise<OpenRoot> => {
    const config = await readConfig();
    if (config === undefined) throw notConfigured(mountPath);
    const { iam, sessions, settings, query } = clientsOf(await settingsOf(config));
    const name = rootNameOf(config);
    // Where the account is not known, the root key is the next best name for it.
    const account = config.account ?? name;
    const turn = { account, class: className };
    return {
      iam: traffic.paced(iam, turn),
      claimUser: claimerOf(account, { query, headRoom: config.userHeadRoom }),
      sessions: { ...sessions, policies: traffic.pacedPolicies(sessions.policies, turn) },
      probe: keyProbeOf(settings, connectPlain),
      keys: query && keyDescriber(query.query),
      usernameTemplate: config.usernameTemplate,
      accessKey: settings.accessKey,
      name,
      formerNames: config.formerKeys,
      account: config.account,
      retriesMax: config.maxRetries ?? defaultMaxRetries,
      clock,
    };
  };

  return {
    open: (mountPath) => openFor("issue", mountPath),
    openToRevoke: (part) => openFor(part),
    async withAccount(root, signal) {
      if (root.account !== undefined || clock.nowMs() < askAgainAtMs) return root;
      const { account } = await askAccountOf(root.iam, { signal, clock });
      if (account === undefined) {
        askAgainAtMs = clock.nowMs() + accountRetryMs;
        return root;
      }
      const before = await readRootConfig(storage);
      // Another key was written meanwhile: the account is this root's, and must not be stored with that one.
      if (before === undefined || rootNameOf(before) !== root.name) return { ...root, account };
      await updateRootConfig(storage, (now) =>
        now !== undefined && reachesSameAccount(now, before) ? { ...now, account } : (now ?? before),
      );
      return { ...root, account };
    },
    async trial(config, use) {
      const settings = await settingsOf(config);
      const iam = connectPlain(settings);
      const query = aws.connectIam === undefined ? traffic.createQuery(settings) : undefined;
      try {
        return await use({ iam, query: query?.query, hasSts: hasSts(settings) });
      } finally {
        iam.close();
        query?.close();
      }
    },
    close() {
      closeClients();
      current = undefined;
    },
  };
}

async function askAccountOf(
  iam: Iam,
  { signal, clock }: { readonly signal: AbortSignal; readonly clock: Clock },
): Promise<AccountAnswer> {
  const limit = startTimeout(clock, accountTimeoutMs);
  try {
    const account = await iam.accountId({ signal: AbortSignal.any([signal, limit.signal]) });
    return { account, failure: undefined };
  } catch (error) {
    if (!isAwsFailure(error)) throw error;
    return { account: undefined, failure: error };
  } finally {
    limit.stop();
  }
}

function endpointsOf(config: RootConfig, aws: AwsOptions): RootEndpoints {
  return {
    region: config.region ?? defaultRegion,
    iamEndpoint: config.iamEndpoint ?? aws.iamEndpoint,
    stsEndpoint: config.stsEndpoint ?? aws.stsEndpoint,
  };
}

/** Where only IAM's endpoint is set there is no STS: credentials are never shown to an endpoint they were not meant for. */
function hasSts({ iamEndpoint, stsEndpoint }: RootEndpoints): boolean {
  return stsEndpoint !== undefined || iamEndpoint === undefined;
}

function isSame(one: IamSettings, other: IamSettings): boolean {
  return (
    one.accessKey === other.accessKey &&
    one.secretKey === other.secretKey &&
    one.sessionToken === other.sessionToken &&
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
