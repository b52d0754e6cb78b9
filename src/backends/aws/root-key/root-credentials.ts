import { type Clock, startTimeout } from "../../../core/clock.ts";
import { CoreError, quote } from "../../../core/errors.ts";
import { AwsFailure, coreErrorOf, isAwsFailure } from "../aws-failure.ts";
import type { AwsQuery } from "../aws-query.ts";
import type { IamSettings } from "../iam.ts";
import type { RootConfig } from "../root-config.ts";
import { createSts } from "../sts/sts-client.ts";

/** What calls are signed with. */
export interface RootCredentials {
  readonly accessKey: string;
  readonly secretKey: string;
  /** Goes with temporary credentials; undefined for those of a user. */
  readonly sessionToken: string | undefined;
  /** When they end, in milliseconds since 1970 by the server's clock; undefined for those that do not. */
  readonly endsAtMs: number | undefined;
}

/** Finds the credentials of the server's surroundings. Rejects where there are none. */
export type LoadSurroundings = () => Promise<RootCredentials>;

/** The credentials of a configuration, made and refreshed as needed. */
export interface CredentialSource {
  /**
   * Answers credentials that work for some minutes. Rejects with `NOT_CONFIGURED` where the surroundings have none, and with what
   * AWS says where it does not let the role be assumed. Those who ask at the same time share one session.
   */
  get(config: RootConfig, settings: RootEndpoints): Promise<RootCredentials>;
}

/** How AWS is reached. */
export type RootEndpoints = Pick<IamSettings, "region" | "iamEndpoint" | "stsEndpoint">;

/** A session of an AWS role may be as short as an hour, and an hour is the most for a session that comes from another. */
const sessionSeconds = 3600;
/** How long before its end a session is replaced, in milliseconds. */
const refreshBeforeMs = 600_000;
/** Longest wait for a session, in milliseconds. */
const assumeTimeoutMs = 10_000;

interface Session {
  readonly of: string;
  readonly credentials: RootCredentials & { readonly endsAtMs: number };
}

/** Makes the source of one mount. */
export function createCredentialSource(options: {
  readonly clock: Clock;
  readonly loadSurroundings: LoadSurroundings;
  readonly createQuery: (settings: IamSettings) => AwsQuery;
  /** Makes the name of sessions, which AWS's own logs show. */
  readonly sessionName: string;
}): CredentialSource {
  const { clock, loadSurroundings, createQuery, sessionName } = options;
  let session: Session | undefined;
  const asking = new Map<string, Promise<RootCredentials>>();

  const base = async ({ accessKey, secretKey }: RootConfig): Promise<RootCredentials> => {
    if (accessKey !== undefined && secretKey !== undefined)
      return { accessKey, secretKey, sessionToken: undefined, endsAtMs: undefined };
    try {
      return await loadSurroundings();
    } catch (error) {
      throw nothingAround(error);
    }
  };

  const assume = async (
    config: RootConfig,
    endpoints: RootEndpoints,
    of: string,
  ): Promise<RootCredentials> => {
    const { roleArn = "", externalId } = config;
    const query = createQuery({ ...(await base(config)), ...endpoints });
    const limit = startTimeout(clock, assumeTimeoutMs);
    const askedAtMs = clock.nowMs();
    try {
      const hasSts = endpoints.stsEndpoint !== undefined || endpoints.iamEndpoint === undefined;
      const made = await createSts((call) => query.query(call), { hasSts }).assumeRole({
        ...{ roleArn, sessionName, externalId, durationSeconds: sessionSeconds },
        ...{ policy: undefined, policyArns: [], tags: {}, signal: limit.signal },
      });
      // By the clock that it is looked at: AWS's end of it is of another.
      const credentials = { ...made, endsAtMs: askedAtMs + sessionSeconds * 1000 };
      session = { of, credentials };
      return credentials;
    } catch (error) {
      throw isAwsFailure(error) ? coreErrorOf(error, `assume role ${quote(roleArn)}`) : error;
    } finally {
      limit.stop();
      query.close();
    }
  };

  const refresh = (config: RootConfig, endpoints: RootEndpoints, of: string): Promise<RootCredentials> => {
    const under = asking.get(of) ?? assume(config, endpoints, of).finally(() => asking.delete(of));
    asking.set(of, under);
    return under;
  };

  return {
    async get(config, endpoints) {
      if (config.roleArn === undefined) return await base(config);
      const { accessKey, secretKey, roleArn, externalId } = config;
      const of = JSON.stringify([accessKey, secretKey, roleArn, externalId, endpoints]);
      const kept = session?.of === of ? session.credentials : undefined;
      const leftMs = kept === undefined ? 0 : kept.endsAtMs - clock.nowMs();
      if (kept === undefined || leftMs <= 0) return await refresh(config, endpoints, of);
      // Nobody waits for what is only to be ready in time, and what still works is used until its end.
      if (leftMs < refreshBeforeMs) void refresh(config, endpoints, of).catch(() => {});
      return kept;
    },
  };
}

/** Finds credentials as AWS's own tools do: environment, profile, web identity, container, instance. The code for it is loaded at first use. */
export function defaultChain(): LoadSurroundings {
  let provider: (() => Promise<AwsIdentity>) | undefined;
  return async () => {
    if (provider === undefined) {
      const { defaultProvider } = await import("@aws-sdk/credential-provider-node");
      provider ??= defaultProvider();
    }
    const { accessKeyId, secretAccessKey, sessionToken, expiration } = await provider();
    return {
      accessKey: accessKeyId,
      secretKey: secretAccessKey,
      sessionToken,
      endsAtMs: expiration?.getTime(),
    };
  };
}

interface AwsIdentity {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
}

/** Of the cause only its kind is told: its words may quote a file or an answer that holds a secret. */
function nothingAround(error: unknown): CoreError {
  const kind = error instanceof AwsFailure ? error.code : error instanceof Error ? error.name : "Error";
  return new CoreError(
    "NOT_CONFIGURED",
    `The mount has no key of its own, and the surroundings of the server have no AWS credentials (${kind}). Write "access_key" and ` +
      '"secret_key" to "config/root", or give the server some: AWS_ACCESS_KEY_ID, a profile, or the role of its container or instance.',
    { details: { field: "access_key" } },
  );
}
