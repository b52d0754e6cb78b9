import { describe, expect, test } from "vitest";
import { commands, globalFlags } from "../../src/cli/commands.ts";
import { run } from "./run.ts";

const names = commands.map(({ name }) => name);

describe("help", () => {
  test.each([[["help"]], [["--help"]], [["-h"]]])(
    "%j shows every command and every global flag",
    async (argv) => {
      const { exitCode, stdout, stderr } = await run(argv, { env: { LEASEHOLD_FORMAT: "nonsense" } });
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
      for (const name of names) expect(stdout).toMatch(new RegExp(`^  ${name}  `, "m"));
      for (const flag of Object.keys(globalFlags)) expect(stdout).toContain(`--${flag}`);
      for (const variable of ["LEASEHOLD_ADDR", "LEASEHOLD_TOKEN", "LEASEHOLD_CACERT", "LEASEHOLD_FORMAT"])
        expect(stdout).toContain(variable);
    },
  );

  test.each(names)("of %s shows its usage, alike by word and by flag", async (name) => {
    const words = name.split(" ");
    const byWord = await run(["help", ...words]);
    expect(byWord.stdout).toContain(`Usage: leasehold ${name}`);
    expect(byWord.exitCode).toBe(0);
    expect((await run([...words, "--help"])).stdout).toBe(byWord.stdout);
  });

  test("of a group lists its commands", async () => {
    const { stdout } = await run(["help", "lease"]);
    expect(stdout).toContain("lease lookup");
    expect(stdout).not.toContain("mounts");
    expect((await run(["lease", "--help"])).stdout).toBe(stdout);
  });

  test("of write explains every way to give a value", async () => {
    const { stdout } = await run(["help", "write"]);
    for (const form of ["key=value", "key=@file", "key=-", "key=\\@value", "key=\\-", "@file.json"])
      expect(stdout).toContain(form);
  });

  test("stays within 100 columns", async () => {
    for (const topic of [[], ...names.map((name) => name.split(" "))]) {
      for (const line of (await run(["help", ...topic])).stdout.split("\n"))
        expect(line.length).toBeLessThanOrEqual(100);
    }
  });
});

describe("the command table", () => {
  test("gives a flag of one name the same kind everywhere, since parsing relies on it", () => {
    const kinds = new Map<string, boolean>();
    for (const flags of [globalFlags, ...commands.map(({ flags }) => flags ?? {})]) {
      for (const [name, { value }] of Object.entries(flags)) {
        const takesValue = value !== undefined;
        expect(kinds.get(name) ?? takesValue, name).toBe(takesValue);
        kinds.set(name, takesValue);
      }
    }
  });
});

describe("--version", () => {
  test.each([[["--version"]], [["read", "--version"]]])(
    "%j prints the version of the package",
    async (argv) => {
      const ran = await run(argv);
      expect(ran).toMatchObject({ exitCode: 0, stderr: "" });
      expect(ran.stdout).toMatch(/^leasehold \d+\.\d+\.\d+\n$/);
    },
  );
});
