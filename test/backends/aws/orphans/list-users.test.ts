import { expect, test } from "vitest";
import { listUsers } from "../../../../src/backends/aws/orphans/list-users.ts";
import type { QueryParameters } from "../../../../src/backends/aws/query-parameters.ts";
import { readXml, type XmlElement } from "../../../../src/backends/aws/query-xml.ts";

function page(users: readonly string[], marker?: string): XmlElement {
  const members = users.map((name) => `<member><UserName>${name}</UserName><Path>/ci/</Path></member>`);
  const end = marker === undefined ? "false</IsTruncated>" : `true</IsTruncated><Marker>${marker}</Marker>`;
  const root = readXml(
    `<ListUsersResult><Users>${members.join("")}</Users><IsTruncated>${end}</ListUsersResult>`,
  );
  if (root === undefined) throw new Error("It is no XML.");
  return root;
}

test("listUsers() follows every page, also after an empty one", async () => {
  const pages = [page(["a"], "1"), page([], "2"), page(["b"])];
  const sent: (QueryParameters | undefined)[] = [];
  const users = await listUsers("/ci/", async (action, parameters) => {
    expect(action).toBe("ListUsers");
    sent.push(parameters);
    return pages[sent.length - 1] ?? page([]);
  });
  expect(users).toEqual([
    { user: "a", path: "/ci/" },
    { user: "b", path: "/ci/" },
  ]);
  expect(sent).toEqual(
    [undefined, "1", "2"].map((Marker) => ({ PathPrefix: "/ci/", MaxItems: "1000", Marker })),
  );
});

test("listUsers() gives up on a list that never ends", async () => {
  await expect(listUsers("/ci/", async () => page([], "more"))).rejects.toMatchObject({
    code: "EndlessList",
  });
});
