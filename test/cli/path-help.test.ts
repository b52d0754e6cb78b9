import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SecretService } from "../../gen/leasehold/v1/secrets_pb.ts";
import { FakeServer } from "./fake-server.ts";
import { run } from "./run.ts";

describe("path-help", () => {
  let server: FakeServer;

  beforeAll(async () => {
    server = await new FakeServer()
      .on(SecretService.method.help, ({ path }) =>
        path === "aws"
          ? {
              path: "aws",
              summary: "AWS credentials.",
              description: "AWS credentials.",
              paths: [
                { pattern: "aws/config/root", summary: "The credentials of the backend itself." },
                { pattern: "aws/creds/:name", summary: "Issues credentials." },
              ],
            }
          : {
              path: "aws/roles/:name",
              summary: "A role.",
              description: `Says what credentials may do. ${"word ".repeat(30)}\n\nSecond paragraph.\u001b[31m`,
              operations: [
                { name: "read", summary: "Reads the role." },
                { name: "write", summary: "Writes the role." },
              ],
              fields: [
                {
                  name: "name",
                  type: "string",
                  description: "Name of the role.",
                  inPath: true,
                  required: true,
                },
                { name: "credential_type", type: "string", description: "What is issued.", required: true },
                {
                  name: "user_path",
                  type: "string",
                  description: "Path of the users.",
                  defaultValue: "/leasehold/",
                },
                {
                  name: "permissions_boundary_arn",
                  type: "string",
                  description: `${"long ".repeat(25)}end.`,
                },
              ],
            },
      )
      .start();
  });
  afterAll(() => server.stop());

  const help = (...argv: string[]) =>
    run(["path-help", ...argv], { env: { LEASEHOLD_ADDR: server.address } });

  test("lists the paths of a mount", async () => {
    expect((await help("aws")).stdout).toBe(
      [
        "aws",
        "  AWS credentials.",
        "",
        "Paths",
        "  aws/config/root  The credentials of the backend itself.",
        "  aws/creds/:name  Issues credentials.",
        "",
      ].join("\n"),
    );
  });

  test("lays a path out in sections, wrapped, with the text of a field under itself", async () => {
    const { stdout } = await help("aws/roles/deploy");
    expect(stdout).toContain(
      "\n\n  Second paragraph.\\u001b[31m\n\nOperations\n  read   Reads the role.\n  write  Writes the role.\n",
    );
    expect(stdout).toContain(
      [
        "Fields",
        "  Name                      Type    Default      Description",
        "  name                      string  in the path  Name of the role.",
        "  credential_type           string  required     What is issued.",
        "  user_path                 string  /leasehold/  Path of the users.",
        "  permissions_boundary_arn  string  -            long long long long long long long long long",
        "                                                 long long long long long long long long long",
        "                                                 long long long long long long long end.",
        "",
      ].join("\n"),
    );
    for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(96);
  });

  test("prints everything as JSON where that is asked for", async () => {
    const document = JSON.parse((await help("aws/roles/deploy", "--format=json")).stdout);
    expect(document.fields[2]).toEqual({
      name: "user_path",
      type: "string",
      description: "Path of the users.",
      default: "/leasehold/",
      required: false,
      in_path: false,
      operations: [],
    });
    expect(document.operations).toHaveLength(2);
  });
});
