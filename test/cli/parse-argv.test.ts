import { describe, expect, test } from "vitest";
import { commands, globalFlags } from "../../src/cli/commands.ts";
import { parseArgv } from "../../src/cli/parse-argv.ts";
import { run } from "./run.ts";

const parse = (...argv: string[]) => parseArgv(argv, { commands, globalFlags });

describe("parseArgv()", () => {
  test.each([
    [["read", "aws/creds/x", "--token", "t", "--format=json"]],
    [["--token", "t", "read", "--format", "json", "aws/creds/x"]],
    [["--format=json", "--token=t", "read", "aws/creds/x"]],
  ])("takes global flags before and after the command: %j", (argv) => {
    const parsed = parse(...argv);
    expect(parsed).toMatchObject({ kind: "command", command: { name: "read" }, args: ["aws/creds/x"] });
    expect(parsed.given).toEqual(
      new Map([
        ["token", ["t"]],
        ["format", ["json"]],
      ]),
    );
  });

  test("finds commands of two words, with flags between them", () => {
    expect(parse("lease", "--limit", "3", "list", "aws/")).toMatchObject({
      command: { name: "lease list" },
      args: ["aws/"],
    });
  });

  test("takes a single dash and what follows two dashes as arguments", () => {
    expect(parse("write", "secret/x", "-")).toMatchObject({ args: ["secret/x", "-"] });
    expect(parse("write", "secret/x", "--", "--odd=1")).toMatchObject({ args: ["secret/x", "--odd=1"] });
  });

  test("keeps all values of a flag that may be repeated", () => {
    expect(parse("lease", "list", "--state", "active", "--state", "issuing").given.get("state")).toEqual([
      "active",
      "issuing",
    ]);
  });

  test("lets help and version win over whatever else is given", () => {
    expect(parse("lease", "list", "a", "b", "--nonsense", "--help")).toMatchObject({
      kind: "help",
      topic: ["lease", "list"],
    });
    expect(parse("read", "-h")).toMatchObject({ kind: "help", topic: ["read"] });
    expect(parse("read", "--version")).toMatchObject({ kind: "version" });
  });
});

describe("a command line", () => {
  test.each<[string[], string]>([
    [[], "Error: no command is given.\n"],
    [["raed", "x"], 'Error: there is no command "raed".\n'],
    [["mont", "aws"], 'Error: there is no command "mont"; there is "mount".\n'],
    [["renew", "a", "--incremnt=1h"], 'Error: "renew" has no flag --incremnt; it has --increment.\n'],
    [["toString"], 'Error: there is no command "toString".\n'],
    [
      ["lease"],
      'Error: "lease" alone is no command; there is "lease lookup", "lease list", "lease count", "lease watch", "lease retry", "lease forget".\n',
    ],
    [
      ["lease", "drop"],
      'Error: there is no command "lease drop"; there is "lease lookup", "lease list", "lease count", "lease watch", "lease retry", "lease forget".\n',
    ],
    [["read"], 'Error: "read" needs PATH.\nUsage: leasehold read PATH [FIELD...] [--idempotency-key KEY]\n'],
    [["read", ""], 'Error: PATH of "read" is empty.\n'],
    [["delete", "a", "b"], 'Error: "delete" has 1 argument too many.\nUsage: leasehold delete PATH\n'],
    [["mounts", "a", "b"], 'Error: "mounts" has 2 arguments too many.\n'],
    [["read", "a", "--prefix"], 'Error: "read" has no flag --prefix.\n'],
    [["read", "a", "--toString"], 'Error: "read" has no flag --toString.\n'],
    [["read", "a", "-x"], 'Error: "read" has no flag -x.\n'],
    [["read", "a", "--token"], "Error: --token needs a value: --token TOKEN.\n"],
    [["read", "a", "--token", "--format"], "Error: --token needs a value: --token TOKEN.\n"],
    [["revoke", "--prefix=yes", "a"], "Error: --prefix takes no value.\n"],
    [
      ["renew", "a", "--increment", "1h", "--increment", "2h"],
      "Error: --increment is given twice.\nUsage: leasehold renew LEASE_ID [--increment DURATION]\n",
    ],
    [["mounts", "--format", "xml"], 'Error: --format is "xml"; it must be "table" or "json".\n'],
    [["help", "nonsense"], 'Error: there is no command "nonsense".\n'],
  ])("%j exits 2 and says why", async (argv, stderr) => {
    const ran = await run(argv);
    expect(ran).toMatchObject({ exitCode: 2, stdout: "" });
    expect(ran.stderr.slice(0, stderr.length)).toBe(stderr);
    expect(ran.stderr.split("\n").length).toBeLessThanOrEqual(3);
  });

  test("reports wrong usage as JSON once JSON is known to be asked for", async () => {
    const ran = await run(["lease", "list", "--limit=x", "--format=json"]);
    expect(ran.exitCode).toBe(2);
    expect(JSON.parse(ran.stderr).error).toMatchObject({ code: "usage", reason: null, metadata: {} });
  });
});
