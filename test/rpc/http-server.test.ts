import { request as httpRequest } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type RunningServers, runServers } from "./running-servers.ts";

let running: RunningServers;
let isReady = true;
let metricsFail = false;
beforeAll(async () => {
  const answers = { read: () => ({ data: { a: 1 }, lease: undefined, warnings: [] }) };
  running = await runServers(answers, {
    isReady: () => isReady,
    metricsText: async () => {
      if (metricsFail) throw new Error("no metrics");
      return { contentType: "text/plain; version=0.0.4", body: "up 1\n" };
    },
    corsOrigins: ["https://console.example.com"],
  });
});
afterAll(() => running.servers.close());

const get = (path: string, init: RequestInit = {}) => fetch(`${running.httpUrl}${path}`, init);

const read = (body: string, init: RequestInit = {}) =>
  get("/leasehold.v1.SecretService/Read", {
    method: "POST",
    body,
    ...init,
    headers: { "content-type": "application/json", ...init.headers },
  });

async function reasonIn(reply: Response): Promise<string | undefined> {
  const body = (await reply.json()) as {
    readonly details?: { readonly debug?: { readonly reason?: string } }[];
  };
  return body.details?.[0]?.debug?.reason;
}

describe("the status pages", () => {
  test("/healthz is 200 whether the server is ready or not", async () => {
    for (isReady of [true, false]) {
      const reply = await get("/healthz");
      expect([reply.status, await reply.json()]).toEqual([200, { status: "ok" }]);
    }
  });

  test("/readyz is 200 where the server is ready, and 503 where it is not", async () => {
    isReady = true;
    expect((await get("/readyz")).status).toBe(200);
    isReady = false;
    const reply = await get("/readyz");
    expect([reply.status, await reply.json()]).toEqual([503, { status: "not ready" }]);
  });

  test("/metrics is the text it is given, and 500 where there is none", async () => {
    const reply = await get("/metrics");
    expect(reply.headers.get("content-type")).toBe("text/plain; version=0.0.4");
    expect(await reply.text()).toBe("up 1\n");
    metricsFail = true;
    expect((await get("/metrics")).status).toBe(500);
    metricsFail = false;
    expect(running.lines.at(-1)).toMatchObject({
      level: "error",
      page: "/metrics",
      err: { message: "no metrics" },
    });
  });

  test("are read by GET and HEAD alone", async () => {
    const reply = await get("/healthz", { method: "POST" });
    expect([reply.status, reply.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
    const head = await get("/healthz", { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
  });
});

describe("an RPC by plain HTTP", () => {
  test("is a POST of JSON, answered by JSON that nobody may keep", async () => {
    const reply = await read('{"path":"a"}');
    expect(reply.status).toBe(200);
    expect(reply.headers.get("cache-control")).toBe("no-store");
    expect(await reply.json()).toEqual({ data: { a: 1 } });
  });

  test.each([
    ["malformed JSON", '{"path":', 400],
    ["an unknown field", '{"pth":"a"}', 400],
    ["a field of the wrong type", '{"path":5}', 400],
    ["no object", "[]", 400],
    ["nothing", "", 400],
  ])("with %s is refused as INVALID_FIELD", async (_name, body, status) => {
    const reply = await read(body);
    expect(reply.status).toBe(status);
    expect(await reasonIn(reply)).toBe("ERROR_REASON_INVALID_FIELD");
  });

  test("with a malformed binary message is refused as INVALID_FIELD", async () => {
    const reply = await read("\xff\xff\xff", { headers: { "content-type": "application/proto" } });
    expect(reply.status).toBe(400);
    expect(await reasonIn(reply)).toBe("ERROR_REASON_INVALID_FIELD");
  });

  test("with another content type is refused with 415, and with another method with 405", async () => {
    const typed = await read("{}", { headers: { "content-type": "text/plain" } });
    expect([typed.status, await reasonIn(typed)]).toEqual([415, "ERROR_REASON_INVALID_FIELD"]);
    const got = await get("/leasehold.v1.SecretService/Read?message=%7B%7D");
    expect([got.status, await reasonIn(got)]).toEqual([405, "ERROR_REASON_UNSUPPORTED_OPERATION"]);
  });

  test("with a timeout that is no number, or too long for a timer, is refused", async () => {
    for (const timeout of ["soon", "9999999999"]) {
      const reply = await read("{}", { headers: { "connect-timeout-ms": timeout } });
      expect([reply.status, await reasonIn(reply)]).toEqual([400, "ERROR_REASON_INVALID_FIELD"]);
    }
  });

  test("with a Host header that is no host is refused, and the server lives on", async () => {
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const request = httpRequest({
        host: "127.0.0.1",
        port: running.servers.httpPort,
        path: "/leasehold.v1.SecretService/Read",
        method: "POST",
        headers: { host: "[", "content-type": "application/json" },
      });
      request.on("response", (response) => resolve(response.resume().statusCode));
      request.on("error", reject);
      request.end("{}");
    });
    expect(status).toBe(400);
    expect((await get("/healthz")).status).toBe(200);
  });

  test.each(["/", "/nope", "/leasehold.v1.SecretService", "/leasehold.v1.SecretService/Nope", "//healthz"])(
    "to %s is a 404 in JSON",
    async (path) => {
      const reply = await get(path, { method: "POST" });
      expect(reply.status).toBe(404);
      expect(await reply.json()).toMatchObject({
        code: "unimplemented",
        details: [{ debug: { reason: "ERROR_REASON_UNSUPPORTED_OPERATION" } }],
      });
    },
  );
});

describe("a browser", () => {
  const preflight = (origin: string) =>
    get("/leasehold.v1.SecretService/Read", {
      method: "OPTIONS",
      headers: { origin, "access-control-request-method": "POST" },
    });

  test("of an allowed origin may send a token and read errors", async () => {
    const origin = "https://console.example.com";
    const asked = await preflight(origin);
    expect(asked.status).toBe(204);
    expect(asked.headers.get("access-control-allow-origin")).toBe(origin);
    expect(asked.headers.get("access-control-allow-headers")).toContain("Authorization");
    const reply = await read('{"path":"a"}', { headers: { origin } });
    expect(reply.headers.get("access-control-allow-origin")).toBe(origin);
    expect(reply.headers.get("access-control-expose-headers")).toContain("Grpc-Status-Details-Bin");
    expect(reply.headers.get("vary")).toBe("origin");
  });

  test("of any other origin may not", async () => {
    const asked = await preflight("https://console.example.com.evil.example");
    expect(asked.status).toBe(403);
    expect(asked.headers.get("access-control-allow-origin")).toBeNull();
    const reply = await read('{"path":"a"}', { headers: { origin: "null" } });
    expect(reply.headers.get("access-control-allow-origin")).toBeNull();
  });
});
