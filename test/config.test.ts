import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { ConfigError, type Environment, formatAddress, readConfig } from "../src/config.ts";
import { makeCertificate } from "./kit/test-certificates.ts";

const dir = mkdtempSync(join(tmpdir(), "leasehold-config-"));
afterAll(() => rmSync(dir, { recursive: true }));

const rootKey = Buffer.alloc(32, 7).toString("base64");
const complete: Environment = {
  LEASEHOLD_REDIS_URL: "redis://127.0.0.1:6379/2",
  LEASEHOLD_ROOT_KEY: rootKey,
  LEASEHOLD_ROOT_TOKEN: "lh.a-token-of-some-length",
};
const server = { isDev: false };

function problemsOf(environment: Environment, options = server): readonly string[] {
  try {
    readConfig(environment, options);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

describe("readConfig()", () => {
  it("fills in the documented defaults", () => {
    expect(readConfig(complete, server)).toMatchObject({
      grpcAddress: { host: "127.0.0.1", port: 8210 },
      httpAddress: { host: "127.0.0.1", port: 8211 },
      defaultTtlMs: 3_600_000,
      maxTtlMs: 86_400_000,
      issueGraceMs: 300_000,
      awsConsistencyMs: 300_000,
      isExpiryTimerOn: true,
      isObserveOnly: false,
      stateFile: undefined,
      corsOrigins: [],
      logLevel: "info",
    });
  });

  it("needs no Redis, root key or root token in development mode", () => {
    expect(readConfig({}, { isDev: true })).toMatchObject({
      redisUrl: undefined,
      rootKey: undefined,
      rootToken: undefined,
    });
  });

  it("reports every problem at once", () => {
    const problems = problemsOf({
      LEASEHOLD_GRPC_ADDR: "nonsense",
      LEASEHOLD_DEFAULT_TTL: "soon",
      LEASEHOLD_LOG_LEVEL: "loud",
      LEASEHOLD_EXPIRY_TIMER: "maybe",
    });
    for (const name of ["REDIS_URL", "ROOT_KEY", "GRPC_ADDR", "DEFAULT_TTL", "LOG_LEVEL", "EXPIRY_TIMER"]) {
      expect(problems.filter((problem) => problem.startsWith(`LEASEHOLD_${name} `))).toHaveLength(1);
    }
    expect(problems).toHaveLength(6);
  });

  it("needs no root token: a storage that was initialized has one of its own", () => {
    const { LEASEHOLD_ROOT_TOKEN: _token, ...rest } = complete;
    expect(readConfig(rest, server).rootToken).toBeUndefined();
  });

  it("takes a root key that KMS has sealed, and its region from the ARN of its key or the surroundings", () => {
    const { LEASEHOLD_ROOT_KEY: _key, ...rest } = complete;
    const arn = "arn:aws-cn:kms:cn-north-1:123456789012:alias/leasehold";
    const sealed = { ...rest, LEASEHOLD_ROOT_KEY_KMS: "AQID", AWS_ENDPOINT_URL_KMS: "http://127.0.0.1:4566" };
    const byArn = { ...sealed, AWS_REGION: "eu-central-1", LEASEHOLD_ROOT_KEY_KMS_KEY: arn };
    expect(readConfig(byArn, server)).toMatchObject({
      rootKey: undefined,
      kmsRootKey: {
        ...{ ciphertext: Buffer.from([1, 2, 3]), region: "cn-north-1", kmsKey: arn },
        endpointUrl: "http://127.0.0.1:4566",
      },
    });
    const around = readConfig({ ...sealed, AWS_DEFAULT_REGION: "eu-west-1" }, server);
    expect(around.kmsRootKey?.region).toBe("eu-west-1");
    expect(problemsOf(sealed)).toEqual([expect.stringContaining("needs the region of its key")]);
    expect(problemsOf({ ...byArn, LEASEHOLD_ROOT_KEY_KMS: "not base64!" })).toEqual([
      expect.stringContaining("must be the CiphertextBlob"),
    ]);
    expect(problemsOf({ ...byArn, LEASEHOLD_ROOT_KEY: rootKey })).toEqual([
      expect.stringContaining("are both set"),
    ]);
  });

  it("takes whether to observe only, and where to keep what was seen of Redis", () => {
    const asked = {
      ...complete,
      LEASEHOLD_OBSERVE_ONLY: "true",
      LEASEHOLD_STATE_FILE: "/var/lib/leasehold/state.json",
    };
    expect(readConfig(asked, server)).toMatchObject({
      isObserveOnly: true,
      stateFile: "/var/lib/leasehold/state.json",
    });
    expect(problemsOf({ ...complete, LEASEHOLD_OBSERVE_ONLY: "yes" })).toEqual([
      'LEASEHOLD_OBSERVE_ONLY must be one of true, false; it is "yes".',
    ]);
  });

  it("takes REDIS_URL where LEASEHOLD_REDIS_URL is not set, and prefers the latter", () => {
    const { LEASEHOLD_REDIS_URL: own, ...rest } = complete;
    expect(readConfig({ ...rest, REDIS_URL: "redis://elsewhere" }, server).redisUrl?.reveal()).toBe(
      "redis://elsewhere",
    );
    expect(readConfig({ ...complete, REDIS_URL: "redis://elsewhere" }, server).redisUrl?.reveal()).toBe(own);
  });

  it("reads the root key and the root token from files", () => {
    const keyFile = join(dir, "key");
    const tokenFile = join(dir, "token");
    writeFileSync(keyFile, `${rootKey}\n`);
    writeFileSync(tokenFile, "a-token-from-a-file\n");
    const { LEASEHOLD_REDIS_URL } = complete;
    const config = readConfig(
      { LEASEHOLD_REDIS_URL, LEASEHOLD_ROOT_KEY_FILE: keyFile, LEASEHOLD_ROOT_TOKEN_FILE: tokenFile },
      server,
    );
    expect(config.rootKey?.reveal()).toEqual(Buffer.alloc(32, 7));
    expect(config.rootToken?.reveal()).toBe("a-token-from-a-file");
  });

  it("refuses a file that is not there, and a value given twice", () => {
    expect(
      problemsOf({ ...complete, LEASEHOLD_ROOT_KEY: undefined, LEASEHOLD_ROOT_KEY_FILE: join(dir, "none") }),
    ).toHaveLength(1);
    const file = join(dir, "again");
    writeFileSync(file, "another-token-than-the-other");
    expect(problemsOf({ ...complete, LEASEHOLD_ROOT_TOKEN_FILE: file })[0]).toContain("both set");
  });

  it.each([
    ["short", "AAAA"],
    ["not base64", "*".repeat(44)],
    ["too long", Buffer.alloc(33).toString("base64")],
  ])("refuses a root key that is %s, and does not show it", (_, key) => {
    const problems = problemsOf({ ...complete, LEASEHOLD_ROOT_KEY: key });
    expect(problems).toHaveLength(1);
    expect(problems[0]).not.toContain(key);
  });

  it("refuses a token that is short or has spaces, and does not show it", () => {
    for (const token of ["hunter2", "a token of many words"]) {
      const problems = problemsOf({ ...complete, LEASEHOLD_ROOT_TOKEN: token });
      expect(problems).toHaveLength(1);
      expect(problems[0]).not.toContain(token);
    }
  });

  it("refuses a Redis URL of another protocol without showing its password", () => {
    const problems = problemsOf({ ...complete, LEASEHOLD_REDIS_URL: "http://user:s3cret@redis" });
    expect(problems).toHaveLength(1);
    expect(problems[0]).not.toContain("s3cret");
  });

  it.each([
    "rediss://:pass@host:6380/1",
    "redis+cluster://:pass@a:7000,b:7001",
    "redis+sentinel://a:26379,b:26379/mymaster/1",
  ])("takes the Redis URL %s", (url) => {
    expect(readConfig({ ...complete, LEASEHOLD_REDIS_URL: url }, server).redisUrl?.reveal()).toBe(url);
  });

  it("says what is wrong with a Redis URL, and shows no password", () => {
    const problems = problemsOf({ ...complete, LEASEHOLD_REDIS_URL: "redis+cluster://:s3cret@a:7000/3" });
    expect(problems).toEqual([
      'LEASEHOLD_REDIS_URL cannot be used: a cluster has the database 0 alone, not "3".',
    ]);
  });

  it("waits for no replica unless told how many", () => {
    expect(readConfig(complete, server).replicasAwaited).toBe(0);
    expect(readConfig({ ...complete, LEASEHOLD_REDIS_REPLICAS_AWAITED: "2" }, server).replicasAwaited).toBe(
      2,
    );
    for (const value of ["-1", "many", "1.5", "17"]) {
      expect(problemsOf({ ...complete, LEASEHOLD_REDIS_REPLICAS_AWAITED: value })).toEqual([
        expect.stringContaining(`LEASEHOLD_REDIS_REPLICAS_AWAITED must be a whole number from 0 to 16`),
      ]);
    }
  });

  it.each(["0.0.0.0:8210", "192.168.1.4:8210", "example.com:8210", "[::]:8210"])(
    "refuses to listen on %s in plain text unless that is said explicitly",
    (address) => {
      expect(problemsOf({ ...complete, LEASEHOLD_GRPC_ADDR: address })[0]).toContain(
        "LEASEHOLD_ALLOW_PLAINTEXT",
      );
      expect(
        problemsOf({ ...complete, LEASEHOLD_GRPC_ADDR: address, LEASEHOLD_ALLOW_PLAINTEXT: "true" }),
      ).toEqual([]);
    },
  );

  it.each(["127.0.0.1:0", "127.1.2.3:1", "localhost:8210", "[::1]:8210"])(
    "takes the loopback address %s",
    (address) => {
      expect(problemsOf({ ...complete, LEASEHOLD_HTTP_ADDR: address })).toEqual([]);
    },
  );

  it.each(["127.0.0.1", "127.0.0.1:99999", "::1:80", ":80", "a b:80"])(
    "refuses the address %j",
    (address) => {
      expect(problemsOf({ ...complete, LEASEHOLD_HTTP_ADDR: address })[0]).toContain(
        "LEASEHOLD_HTTP_ADDR must be host:port",
      );
    },
  );

  it("refuses a default TTL above the maximum", () => {
    expect(problemsOf({ ...complete, LEASEHOLD_DEFAULT_TTL: "2d" })).toHaveLength(1);
  });

  it("keeps the issue deadline below the issue grace, and below 30 s", () => {
    expect(readConfig(complete, server).issueDeadlineMs).toBe(30_000);
    expect(readConfig({ ...complete, LEASEHOLD_ISSUE_GRACE: "2s" }, server).issueDeadlineMs).toBe(1600);
  });

  it("lets others reach the listeners where they have an identity to show", () => {
    const { cert, key } = makeCertificate({ commonName: "localhost" });
    const [certFile, keyFile] = [join(dir, "cert.pem"), join(dir, "key.pem")];
    writeFileSync(certFile, cert);
    writeFileSync(keyFile, key);
    const tls = { LEASEHOLD_TLS_CERT_FILE: certFile, LEASEHOLD_TLS_KEY_FILE: keyFile };
    const config = readConfig({ ...complete, ...tls, LEASEHOLD_GRPC_ADDR: "0.0.0.0:8210" }, { isDev: false });
    expect(config.tls).toMatchObject({ certFile, keyFile });
    expect(problemsOf({ ...complete, LEASEHOLD_TLS_CERT_FILE: certFile })).toEqual([
      expect.stringContaining("belong together"),
    ]);
  });

  it("says of each file for TLS what is wrong with it, with all the other problems", () => {
    const nothing = join(dir, "nothing.pem");
    writeFileSync(nothing, "nothing");
    const problems = problemsOf({
      ...complete,
      LEASEHOLD_REDIS_URL: "rediss://redis",
      LEASEHOLD_TLS_CERT_FILE: nothing,
      LEASEHOLD_TLS_KEY_FILE: join(dir, "no-key.pem"),
      LEASEHOLD_TLS_CLIENT_CA_FILE: join(dir, "no-ca.pem"),
      LEASEHOLD_REDIS_CA_FILE: nothing,
      LEASEHOLD_LOG_LEVEL: "loud",
    });
    const names = ["TLS_CERT_FILE", "TLS_KEY_FILE", "TLS_CLIENT_CA_FILE", "REDIS_CA_FILE", "LOG_LEVEL"];
    for (const name of names)
      expect(problems.filter((problem) => problem.startsWith(`LEASEHOLD_${name} `))).toHaveLength(1);
    expect(problems).toHaveLength(names.length);
  });

  it("refuses CAs for a Redis that is not reached over TLS", () => {
    const file = join(dir, "ca.pem");
    writeFileSync(file, makeCertificate({ commonName: "CA", isCa: true }).cert);
    expect(problemsOf({ ...complete, LEASEHOLD_REDIS_CA_FILE: file })).toEqual([
      expect.stringContaining("asks for no TLS"),
    ]);
  });

  it("splits the browsers' origins", () => {
    const config = readConfig(
      { ...complete, LEASEHOLD_CORS_ORIGINS: "https://a.example, https://b.example," },
      server,
    );
    expect(config.corsOrigins).toEqual(["https://a.example", "https://b.example"]);
  });
});

describe("formatAddress()", () => {
  it("puts an IPv6 host in brackets", () => {
    expect(formatAddress({ host: "::1", port: 8210 })).toBe("[::1]:8210");
    expect(formatAddress({ host: "127.0.0.1", port: 8210 })).toBe("127.0.0.1:8210");
  });
});
