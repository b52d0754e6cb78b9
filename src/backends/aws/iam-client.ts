import { AwsFailure } from "./aws-failure.ts";
import { type AwsQuery, createAwsQuery } from "./aws-query.ts";
import type { Iam, IamSettings, Tags } from "./iam.ts";
import { belongingCalls, type IamCall } from "./iam-client-belongings.ts";
import { listUsers } from "./orphans/list-users.ts";
import { membersAt, textAt, type XmlElement } from "./query-xml.ts";

/** Makes the client for AWS, on the client of its protocol. */
export function connectIam(
  settings: IamSettings,
  createQuery: (settings: IamSettings) => AwsQuery = createAwsQuery,
): Iam {
  const { query, close } = createQuery(settings);
  const hasSts = settings.stsEndpoint !== undefined || settings.iamEndpoint === undefined;
  const iamFor =
    (signal: AbortSignal): IamCall =>
    (action, parameters) =>
      query({ service: "iam", action, parameters, signal });

  return {
    async accountId({ signal }) {
      if (!hasSts) return undefined;
      const identity = await query({ service: "sts", action: "GetCallerIdentity", signal });
      return required(identity, "Account");
    },
    async createUser({ user, path, tags, boundaryArn, signal }) {
      const optional = { Tags: tagList(tags), PermissionsBoundary: boundaryArn };
      await iamFor(signal)("CreateUser", { UserName: user, Path: path, ...optional });
    },
    async getUser({ user, signal }) {
      const found = await iamFor(signal)("GetUser", { UserName: user });
      const tags = membersAt(found, "User", "Tags").map(
        (tag) => [textAt(tag, "Key") ?? "", textAt(tag, "Value") ?? ""] as const,
      );
      return { path: required(found, "User", "Path"), tags: Object.fromEntries(tags) };
    },
    listUsers: ({ pathPrefix, signal }) => listUsers(pathPrefix, iamFor(signal)),
    async deleteUser({ user, signal }) {
      await iamFor(signal)("DeleteUser", { UserName: user });
    },
    async tagUser({ user, tags, signal }) {
      await iamFor(signal)("TagUser", { UserName: user, Tags: tagList(tags) });
    },
    async putInlinePolicy({ user, policy, document, signal }) {
      const parameters = { UserName: user, PolicyName: policy, PolicyDocument: document };
      await iamFor(signal)("PutUserPolicy", parameters);
    },
    async getInlinePolicy({ user, policy, signal }) {
      const found = await iamFor(signal)("GetUserPolicy", { UserName: user, PolicyName: policy });
      return decoded(required(found, "PolicyDocument"));
    },
    async attachPolicy({ user, arn, signal }) {
      await iamFor(signal)("AttachUserPolicy", { UserName: user, PolicyArn: arn });
    },
    async addToGroup({ user, group, signal }) {
      await iamFor(signal)("AddUserToGroup", { UserName: user, GroupName: group });
    },
    async createAccessKey({ user, signal }) {
      const made = await iamFor(signal)("CreateAccessKey", { UserName: user });
      return {
        id: required(made, "AccessKey", "AccessKeyId"),
        secret: required(made, "AccessKey", "SecretAccessKey"),
      };
    },
    list: ({ user, belonging, signal }) => belongingCalls[belonging].list({ iam: iamFor(signal), user }),
    remove: ({ user, belonging, id, signal }) =>
      belongingCalls[belonging].remove({ iam: iamFor(signal), user, id }),
    close,
  };
}

function tagList(tags: Tags): readonly Readonly<Record<string, string>>[] {
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
}

/** A text that an answer must hold. A success without it says nothing about what was done. */
function required(result: XmlElement, ...names: readonly string[]): string {
  const text = textAt(result, ...names);
  if (text) return text;
  throw new AwsFailure("unknown", "IncompleteAnswer", {
    message: `The answer has no ${names.at(-1)}; is this an AWS endpoint?`,
  });
}

/** IAM answers policy documents percent-encoded. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new AwsFailure("unknown", "IncompleteAnswer", {
      message: "The policy document in the answer cannot be decoded.",
    });
  }
}
