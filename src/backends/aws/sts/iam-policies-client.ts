import { AwsFailure } from "../aws-failure.ts";
import type { AwsQuery } from "../aws-query.ts";
import type { QueryParameters } from "../query-parameters.ts";
import { membersAt, textAt, type XmlElement } from "../query-xml.ts";
import { wave } from "../wave.ts";
import type { IamPolicies } from "./iam-policies.ts";

/** A group has a few policies; so many pages mean that the endpoint never ends. */
const pagesMax = 100;

/** Makes the client for the policies of groups and roles. */
export function createIamPolicies(query: AwsQuery["query"]): IamPolicies {
  const iam = (action: string, parameters: QueryParameters, signal: AbortSignal): Promise<XmlElement> =>
    query({ service: "iam", action, parameters, signal });

  /** Reads a list of a group, page by page. A page that is not the last one must be followed: it may even be empty. */
  const listOf = async (
    {
      action,
      group,
      signal,
    }: { readonly action: string; readonly group: string; readonly signal: AbortSignal },
    textsOf: (page: XmlElement) => readonly string[],
  ): Promise<readonly string[]> => {
    const texts: string[] = [];
    let marker: string | undefined;
    for (let pages = 0; pages < pagesMax; pages++) {
      const page = await iam(action, { GroupName: group, Marker: marker }, signal);
      texts.push(...textsOf(page));
      marker = textAt(page, "Marker");
      if (textAt(page, "IsTruncated") !== "true" || marker === undefined) return texts;
    }
    throw new AwsFailure("unknown", "EndlessList", {
      message: `The policies of group ${JSON.stringify(group)} have more than ${pagesMax} pages.`,
    });
  };

  return {
    async readGroup({ group, signal }) {
      const inline = async (): Promise<readonly string[]> => {
        const call = { action: "ListGroupPolicies", group, signal };
        const names = await listOf(call, (page) => membersAt(page, "PolicyNames").map(({ text }) => text));
        const read = (name: string) => iam("GetGroupPolicy", { GroupName: group, PolicyName: name }, signal);
        return (await wave(names.map(read))).map(documentOf);
      };
      const call = { action: "ListAttachedGroupPolicies", group, signal };
      const attached = listOf(call, (page) =>
        membersAt(page, "AttachedPolicies").flatMap((member) => textAt(member, "PolicyArn") ?? []),
      );
      const [documents = [], arns = []] = await wave([inline(), attached]);
      return { documents, arns };
    },
    async putRolePolicy({ role, policy, document, signal }) {
      await iam("PutRolePolicy", { RoleName: role, PolicyName: policy, PolicyDocument: document }, signal);
    },
    async getRolePolicy({ role, policy, signal }) {
      return documentOf(await iam("GetRolePolicy", { RoleName: role, PolicyName: policy }, signal));
    },
    async deleteRolePolicy({ role, policy, signal }) {
      await iam("DeleteRolePolicy", { RoleName: role, PolicyName: policy }, signal);
    },
  };
}

/** IAM answers policy documents percent-encoded. */
function documentOf(result: XmlElement): string {
  const encoded = textAt(result, "PolicyDocument");
  try {
    if (encoded) return decodeURIComponent(encoded);
  } catch {
    // Falls through to the same failure: there is no document to be had.
  }
  throw new AwsFailure("unknown", "IncompleteAnswer", {
    message: "The answer has no PolicyDocument that can be read; is this an AWS endpoint?",
  });
}
