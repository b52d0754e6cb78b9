import { AwsFailure } from "../aws-failure.ts";
import type { ListedUser } from "../iam.ts";
import type { IamCall } from "../iam-client-belongings.ts";
import { membersAt, textAt } from "../query-xml.ts";

/** Users on a page, as many as AWS gives at once. */
const pageSize = 1000;
/** Many times more than an account can have users; more pages mean that the endpoint never ends. */
const pagesMax = 100;

/** Lists all users whose path begins with a prefix. A page that is not the last one must be followed: it may even be empty. */
export async function listUsers(pathPrefix: string, iam: IamCall): Promise<readonly ListedUser[]> {
  const users: ListedUser[] = [];
  let marker: string | undefined;
  for (let pages = 0; pages < pagesMax; pages++) {
    const page = await iam("ListUsers", { PathPrefix: pathPrefix, MaxItems: `${pageSize}`, Marker: marker });
    for (const member of membersAt(page, "Users")) {
      const user = textAt(member, "UserName");
      const path = textAt(member, "Path");
      if (user && path) users.push({ user, path });
    }
    marker = textAt(page, "Marker");
    if (textAt(page, "IsTruncated") !== "true" || marker === undefined) return users;
  }
  throw new AwsFailure("unknown", "EndlessList", {
    message: `The list of users below ${JSON.stringify(pathPrefix)} has more than ${pagesMax} pages.`,
  });
}
