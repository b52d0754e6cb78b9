import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { hardenProcess } from "../src/harden-process.ts";
import { readRateLimits } from "../src/rate-limit-config.ts";
import { readTlsFiles } from "../src/tls-config.ts";

describe("a process that is hardened", () => {
  test("has no secrets in its environment any more", () => {
    const environment = {
      LEASEHOLD_ROOT_KEY: "k",
      LEASEHOLD_ROOT_TOKEN: "t",
      LEASEHOLD_REDIS_URL: "redis://:p@h",
      LEASEHOLD_LOG_LEVEL: "info",
    };
    hardenProcess({ environment, log: { warn: () => undefined } });
    expect(environment).toEqual({ LEASEHOLD_LOG_LEVEL: "info" });
  });

  test("opens no debugger when it is signalled", async () => {
    const module = new URL("../src/harden-process.ts", import.meta.url).href;
    const program = `const { keepDebuggerShut } = await import(${JSON.stringify(module)}); keepDebuggerShut();
      process.on("SIGUSR1", () => process.exit()); process.stdout.write("up"); setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ["--input-type=module", "--eval", program]);
    let stderr = "";
    child.stderr.on("data", (text) => {
      stderr += text;
    });
    await once(child.stdout, "data");
    child.kill("SIGUSR1");
    const [code] = await once(child, "exit");
    expect([code, stderr]).toEqual([0, ""]);
  });

  test.runIf(process.platform === "linux")("leaves its memory out of core dumps", () => {
    const module = new URL("../src/harden-process.ts", import.meta.url).href;
    const program = `const { hardenProcess } = await import(${JSON.stringify(module)});
      hardenProcess({ environment: {}, log: { warn: (fields, words) => console.log(words) } });
      console.log((await import("node:fs")).readFileSync("/proc/self/coredump_filter", "utf8"));`;
    const command = 'ulimit -c "$(ulimit -H -c)" && exec "$0" --input-type=module --eval "$1"';
    const { stdout } = spawnSync("sh", ["-c", command, process.execPath, program], { encoding: "utf8" });
    expect(stdout.trim()).toBe("00000000");
  });
});

const reading = (environment: Record<string, string>) => (name: string) => environment[name];

describe("rate limits", () => {
  test("are read from the environment", () => {
    const problems: string[] = [];
    const environment = {
      LEASEHOLD_RATE_LIMIT_CALLER: "100",
      LEASEHOLD_RATE_LIMIT_PATHS: "aws/creds/=10, kv/=0.5",
      LEASEHOLD_RATE_LIMIT_FAILURES: "5",
    };
    expect(readRateLimits(reading(environment), problems)).toEqual({
      callerPerSecond: 100,
      paths: [
        { prefix: "aws/creds/", perSecond: 10 },
        { prefix: "kv/", perSecond: 0.5 },
      ],
      failuresPerMinute: 5,
    });
    expect(problems).toEqual([]);
  });

  test.each([
    ["LEASEHOLD_RATE_LIMIT_CALLER", "0"],
    ["LEASEHOLD_RATE_LIMIT_CALLER", "many"],
    ["LEASEHOLD_RATE_LIMIT_PATHS", "aws/creds/"],
    ["LEASEHOLD_RATE_LIMIT_PATHS", "=5"],
    ["LEASEHOLD_RATE_LIMIT_PATHS", "/aws/creds/=5"],
    ["LEASEHOLD_RATE_LIMIT_FAILURES", "-1"],
  ])("are not read from %s=%s", (name, value) => {
    const problems: string[] = [];
    readRateLimits(reading({ [name]: value }), problems);
    expect(problems).toEqual([expect.stringContaining(name)]);
  });
});

describe("the files of an identity", () => {
  const tls = "LEASEHOLD_TLS_";

  test("are read from the environment", () => {
    const problems: string[] = [];
    const environment = {
      [`${tls}CERT_FILE`]: "/c",
      [`${tls}KEY_FILE`]: "/k",
      [`${tls}CLIENT_CA_FILE`]: "/a",
      [`${tls}CLIENT_AUTH`]: "require",
    };
    expect(readTlsFiles(reading(environment), problems)).toEqual({
      ...{ certFile: "/c", keyFile: "/k", clientCaFile: "/a", isClientCertRequired: true },
    });
    expect([problems, readTlsFiles(reading({}), problems)]).toEqual([[], undefined]);
  });

  test.each([
    [{ CERT_FILE: "/c" }, "belong together"],
    [{ KEY_FILE: "/k" }, "belong together"],
    [{ CLIENT_CA_FILE: "/a" }, "is set without"],
    [{ CLIENT_AUTH: "require" }, "CLIENT_AUTH is set without"],
    [{ CERT_FILE: "/c", KEY_FILE: "/k", CLIENT_AUTH: "require" }, "needs LEASEHOLD_TLS_CLIENT_CA_FILE"],
    [{ CLIENT_AUTH: "maybe" }, 'must be "request" or "require"'],
  ])("are refused as %j", (given, words) => {
    const problems: string[] = [];
    readTlsFiles(
      reading(Object.fromEntries(Object.entries(given).map(([name, value]) => [tls + name, value]))),
      problems,
    );
    expect(problems.join("\n")).toContain(words);
  });
});
