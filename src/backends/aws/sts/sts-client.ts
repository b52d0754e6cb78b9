import { AwsFailure } from "../aws-failure.ts";
import type { AwsQuery } from "../aws-query.ts";
import type { Tags } from "../iam.ts";
import type { QueryParameters } from "../query-parameters.ts";
import { textAt, type XmlElement } from "../query-xml.ts";
import type { SessionCredentials, SessionLimits, Sts } from "./sts.ts";

/**
 * Makes the client of AWS's token service. Where only IAM's endpoint is set there is no token service
 * (`hasSts` false), and every call is refused: the root key is never shown to an endpoint it was not meant for.
 */
export function createSts(query: AwsQuery["query"], { hasSts }: { readonly hasSts: boolean }): Sts {
  const send = async (
    action: string,
    parameters: QueryParameters,
    signal: AbortSignal,
  ): Promise<XmlElement> => {
    if (!hasSts) {
      throw new AwsFailure("refused", "NoStsEndpoint", {
        message:
          'The mount has an "iam_endpoint" and no "sts_endpoint". Write both to config/root, or neither.',
      });
    }
    return await query({ service: "sts", action, parameters, signal });
  };

  return {
    async assumeRole({ roleArn, sessionName, externalId, durationSeconds, signal, ...limits }) {
      const made = await send(
        "AssumeRole",
        {
          RoleArn: roleArn,
          RoleSessionName: sessionName,
          DurationSeconds: durationSeconds,
          ExternalId: externalId,
          ...limitParameters(limits),
        },
        signal,
      );
      return credentialsOf(made);
    },
    async getFederationToken({ name, durationSeconds, signal, ...limits }) {
      const parameters = { Name: name, DurationSeconds: durationSeconds, ...limitParameters(limits) };
      return credentialsOf(await send("GetFederationToken", parameters, signal));
    },
    async getSessionToken({ mfa, durationSeconds, signal }) {
      const parameters = {
        DurationSeconds: durationSeconds,
        SerialNumber: mfa?.serialNumber,
        TokenCode: mfa?.code,
      };
      return credentialsOf(await send("GetSessionToken", parameters, signal));
    },
    async getCallerIdentity({ signal }) {
      const identity = await send("GetCallerIdentity", {}, signal);
      return {
        account: required(identity, "Account"),
        arn: required(identity, "Arn"),
        userId: required(identity, "UserId"),
      };
    },
  };
}

function limitParameters({ policy, policyArns, tags }: SessionLimits): QueryParameters {
  return {
    Policy: policy,
    ...(policyArns.length === 0 ? {} : { PolicyArns: policyArns.map((arn) => ({ arn })) }),
    ...(Object.keys(tags).length === 0 ? {} : { Tags: tagList(tags) }),
  };
}

function tagList(tags: Tags): readonly Readonly<Record<string, string>>[] {
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
}

function credentialsOf(result: XmlElement): SessionCredentials {
  const endsAtMs = Date.parse(required(result, "Credentials", "Expiration"));
  if (Number.isNaN(endsAtMs)) throw incomplete("Expiration");
  return {
    accessKey: required(result, "Credentials", "AccessKeyId"),
    secretKey: required(result, "Credentials", "SecretAccessKey"),
    sessionToken: required(result, "Credentials", "SessionToken"),
    endsAtMs,
  };
}

/** A text that an answer must hold. A success without it says nothing about what was done. */
function required(result: XmlElement, ...names: readonly string[]): string {
  const text = textAt(result, ...names);
  if (text) return text;
  throw incomplete(names.at(-1) ?? "");
}

function incomplete(name: string): AwsFailure {
  return new AwsFailure("unknown", "IncompleteAnswer", {
    message: `The answer has no ${name} that can be read; is this an AWS endpoint?`,
  });
}
