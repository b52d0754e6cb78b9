import {
  AddUserToGroupCommand,
  AttachUserPolicyCommand,
  CreateAccessKeyCommand,
  CreateUserCommand,
  DeleteUserCommand,
  GetUserCommand,
  GetUserPolicyCommand,
  IAMClient,
  type IAMClientConfig,
  PutUserPolicyCommand,
  type Tag,
  TagUserCommand,
} from "@aws-sdk/client-iam";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { AwsFailure, classifyAwsError } from "./aws-failure.ts";
import type { Iam, IamSettings, Tags } from "./iam.ts";
import { belongingCalls } from "./iam-client-belongings.ts";
import { SigningHash } from "./signing-hash.ts";

/** Longest wait for a connection, and for a whole call, in milliseconds. IAM answers in well under a second, and a revocation may send one call twice. */
const connectionTimeoutMs = 3000;
const requestTimeoutMs = 5000;

/**
 * Connections to AWS at a time; more calls than that wait for one. As many as the first wave of 64 revocations needs, which is
 * what one mount has under way at most: a call that deletes a key should not wait for one that tidies up.
 */
const socketsMax = 200;

/**
 * Makes the client for AWS from the SDK. Each call is sent once: the SDK's own
 * retry would turn a lost reply of CreateUser into `EntityAlreadyExists`, and one of CreateAccessKey into two
 * live keys. Everything that the SDK could look up in the environment, profiles or instance metadata is given.
 */
export function connectSdkIam(settings: IamSettings): Iam {
  const agent = { keepAlive: true, maxSockets: socketsMax };
  const clientConfig = {
    region: settings.region,
    credentials: { accessKeyId: settings.accessKey, secretAccessKey: settings.secretKey },
    maxAttempts: 1,
    retryMode: "standard",
    defaultsMode: "standard",
    useFipsEndpoint: false,
    useDualstackEndpoint: false,
    authSchemePreference: [],
    userAgentAppId: "leasehold",
    sha256: SigningHash,
    ignoreConfiguredEndpointUrls: true,
    disableClockSkewCorrection: false,
    requestHandler: {
      connectionTimeout: connectionTimeoutMs,
      requestTimeout: requestTimeoutMs,
      throwOnRequestTimeout: true,
      httpAgent: agent,
      httpsAgent: agent,
    },
  } satisfies IAMClientConfig;
  const iam = new IAMClient({ ...clientConfig, ...endpointOf(settings.iamEndpoint) });
  const hasSts = settings.stsEndpoint !== undefined || settings.iamEndpoint === undefined;
  const sts = hasSts ? new STSClient({ ...clientConfig, ...endpointOf(settings.stsEndpoint) }) : undefined;
  const inFlight = trackInFlight(() => {
    iam.destroy();
    sts?.destroy();
  });

  const send = <T>(call: () => Promise<T>): Promise<T> =>
    inFlight.during(async () => {
      try {
        return await call();
      } catch (error) {
        throw classifyAwsError(error);
      }
    });
  const on = (signal: AbortSignal) => ({ abortSignal: signal });

  return {
    accountId: ({ signal }) =>
      send(async () => {
        if (sts === undefined) return undefined;
        const { Account: account } = await sts.send(new GetCallerIdentityCommand({}), on(signal));
        return account ?? missing("Account");
      }),
    createUser: ({ user, path, tags, boundaryArn, signal }) =>
      send(async () => {
        const boundary = boundaryArn === undefined ? {} : { PermissionsBoundary: boundaryArn };
        await iam.send(
          new CreateUserCommand({ UserName: user, Path: path, Tags: tagList(tags), ...boundary }),
          on(signal),
        );
      }),
    getUser: ({ user, signal }) =>
      send(async () => {
        const { User: found } = await iam.send(new GetUserCommand({ UserName: user }), on(signal));
        const tags = (found?.Tags ?? []).map(({ Key, Value }) => [Key ?? "", Value ?? ""] as const);
        return { path: found?.Path ?? missing("Path"), tags: Object.fromEntries(tags) };
      }),
    deleteUser: ({ user, signal }) =>
      send(async () => {
        await iam.send(new DeleteUserCommand({ UserName: user }), on(signal));
      }),
    tagUser: ({ user, tags, signal }) =>
      send(async () => {
        await iam.send(new TagUserCommand({ UserName: user, Tags: tagList(tags) }), on(signal));
      }),
    putInlinePolicy: ({ user, policy, document, signal }) =>
      send(async () => {
        const input = { UserName: user, PolicyName: policy, PolicyDocument: document };
        await iam.send(new PutUserPolicyCommand(input), on(signal));
      }),
    getInlinePolicy: ({ user, policy, signal }) =>
      send(async () => {
        const command = new GetUserPolicyCommand({ UserName: user, PolicyName: policy });
        const { PolicyDocument: document } = await iam.send(command, on(signal));
        return decodeURIComponent(document ?? missing("PolicyDocument"));
      }),
    attachPolicy: ({ user, arn, signal }) =>
      send(async () => {
        await iam.send(new AttachUserPolicyCommand({ UserName: user, PolicyArn: arn }), on(signal));
      }),
    addToGroup: ({ user, group, signal }) =>
      send(async () => {
        await iam.send(new AddUserToGroupCommand({ UserName: user, GroupName: group }), on(signal));
      }),
    createAccessKey: ({ user, signal }) =>
      send(async () => {
        const { AccessKey: key } = await iam.send(new CreateAccessKeyCommand({ UserName: user }), on(signal));
        return {
          id: key?.AccessKeyId || missing("AccessKeyId"),
          secret: key?.SecretAccessKey || missing("SecretAccessKey"),
        };
      }),
    list: ({ user, belonging, signal }) => send(() => belongingCalls[belonging].list({ iam, user, signal })),
    remove: ({ user, belonging, id, signal }) =>
      send(() => belongingCalls[belonging].remove({ iam, user, id, signal })),
    close: () => inFlight.close(),
  };
}

/** An empty object leaves the endpoint to the SDK's own table of AWS's endpoints. */
function endpointOf(url: string | undefined): { readonly endpoint?: string } {
  return url === undefined ? {} : { endpoint: url };
}

function tagList(tags: Tags): Tag[] {
  return Object.entries(tags).map(([key, value]) => ({ Key: key, Value: value }));
}

/** A success without what it must hold says nothing about what was done. */
function missing(element: string): never {
  throw new AwsFailure("unknown", "IncompleteAnswer", {
    message: `The answer has no ${element}; is this an AWS endpoint?`,
  });
}

/** Runs `close` once nothing is in flight, and again when calls came after that. */
function trackInFlight(close: () => void): {
  during<T>(work: () => Promise<T>): Promise<T>;
  close(): void;
} {
  let count = 0;
  let isClosing = false;
  const closeWhenIdle = () => {
    if (isClosing && count === 0) close();
  };
  return {
    async during(work) {
      count++;
      try {
        return await work();
      } finally {
        count--;
        closeWhenIdle();
      }
    },
    close() {
      isClosing = true;
      closeWhenIdle();
    },
  };
}
