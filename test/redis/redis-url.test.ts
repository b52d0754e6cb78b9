import { describe, expect, it } from "vitest";
import { formatRedisAddress, parseRedisUrl } from "../../src/redis/redis-url.ts";

describe("parseRedisUrl()", () => {
  it.each([
    "redis://127.0.0.1:6379",
    "redis://host",
    "rediss://user:p%40ss@host:6380/3",
    "redis://[::1]:6379/0",
  ])("takes the URL of one server as it is: %s", (url) =>
    expect(parseRedisUrl(url)).toEqual({ kind: "single", url }),
  );

  it("reads the nodes of a cluster, and who one is to them", () => {
    expect(parseRedisUrl("redis+cluster://a:7000,b.example.com,[::1]:7002")).toEqual({
      kind: "cluster",
      nodes: [
        { host: "a", port: 7000 },
        { host: "b.example.com", port: 6379 },
        { host: "::1", port: 7002 },
      ],
      credentials: {},
      isTls: false,
    });
    expect(parseRedisUrl("rediss+cluster://me:a%2Fb%3Ac@host:7000/0")).toMatchObject({
      credentials: { username: "me", password: "a/b:c" },
      isTls: true,
    });
    expect(parseRedisUrl("redis+cluster://:only@host")).toMatchObject({ credentials: { password: "only" } });
  });

  it("reads sentinels, the name of the primary, the database, and who one is to either", () => {
    expect(
      parseRedisUrl(
        "redis+sentinel://me:secret@a:26379,b/my%20master/4?sentinel_username=you&sentinel_password=x%26y",
      ),
    ).toEqual({
      kind: "sentinel",
      sentinels: [
        { host: "a", port: 26379 },
        { host: "b", port: 26379 },
      ],
      masterName: "my master",
      db: 4,
      credentials: { username: "me", password: "secret" },
      sentinelCredentials: { username: "you", password: "x&y" },
      isTls: false,
    });
    expect(parseRedisUrl("rediss+sentinel://a/mymaster")).toMatchObject({ db: 0, isTls: true });
  });

  it.each([
    ["", 'must begin with "redis://"'],
    ["host:6379", 'must begin with "redis://"'],
    ["http://user:hunter2@host", 'must begin with "redis://"'],
    ["redis+clusters://:hunter2@host", 'must begin with "redis://"'],
    ["redis+cluster://", "name a host"],
    ["redis://user:hunter2@host/name", 'such as "/0", not "/name"'],
    ["redis://user:hunter2@a:1,b:2", "host and port cannot be read"],
    ["redis+cluster://:hunter2@a:7000/1", 'a cluster has the database 0 alone, not "1"'],
    ["redis+cluster://:hunter2@a:7000,", 'hosts must be "host:port"'],
    ["redis+cluster://:hunter2@a:70000", 'hosts must be "host:port"'],
    ["redis+cluster://:hunter2@a?family=6", 'parameter "family"'],
    ["redis+cluster://:hunter2/x@a", "percent-encoded"],
    ["redis+cluster://:x?hunter2@a", "percent-encoded"],
    ["redis+cluster://:x#hunter2@a", 'must begin with "redis://"'],
    ["redis+cluster://:hunter2%@a", "the password in it is not percent-encoded correctly"],
    ["redis+sentinel://:hunter2@a:26379", "name by which the sentinels know the primary"],
    ["redis+sentinel://:hunter2@a:26379/m/x", "name by which the sentinels know the primary"],
    ["redis+sentinel://:hunter2/x@a/mymaster", "percent-encoded"],
  ])("refuses %j with a sentence that shows no password", (url, message) => {
    const parse = () => parseRedisUrl(url);
    expect(parse).toThrow(message);
    expect(parse).not.toThrow("hunter2");
  });
});

describe("formatRedisAddress()", () => {
  it("puts an IPv6 host in brackets", () => {
    expect(formatRedisAddress({ host: "a", port: 1 })).toBe("a:1");
    expect(formatRedisAddress({ host: "::1", port: 1 })).toBe("[::1]:1");
  });
});
