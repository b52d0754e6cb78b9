import { describe, expect, test } from "vitest";
import { commands, globalFlags } from "../../src/cli/commands.ts";
import { Output } from "../../src/cli/output.ts";
import { parseArgv } from "../../src/cli/parse-argv.ts";
import { server } from "../../src/cli/server.ts";

describe("server", () => {
  test.each([
    [["server"], false],
    [["server", "--dev"], true],
    [["--dev", "server"], true],
  ])("runs the server for %j, and answers its exit code", async (argv, isDev) => {
    const parsed = parseArgv(argv, { commands, globalFlags });
    const io = {
      stdout: { write() {} },
      stderr: { write() {} },
      stdin: (async function* () {})(),
      env: {},
      readerGone: new AbortController().signal,
      cwd: "/",
    };
    const invocation = {
      arg: () => "",
      rest: [],
      flags: parsed.given,
      settings: () => {
        throw new Error("the server needs no settings of a client");
      },
      output: new Output(io, "table"),
      io,
    };
    const seen: { isDev: boolean }[] = [];
    const runServer = async (options: { isDev: boolean }) => {
      seen.push(options);
      return 7;
    };
    expect(await server(invocation, async () => ({ runServer }))).toBe(7);
    expect(seen).toEqual([{ isDev }]);
  });
});
