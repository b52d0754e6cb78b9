import { once } from "node:events";
import type { Socket } from "node:net";
import { inspect } from "node:util";
import { afterEach, describe, expect, it, onTestFinished } from "vitest";
import { AwsFailure } from "../../../src/backends/aws/aws-failure.ts";
import { type AwsQuery, createAwsQuery } from "../../../src/backends/aws/aws-query.ts";
import type { PostLimits } from "../../../src/backends/aws/post-once.ts";
import { membersAt, textAt, type XmlElement } from "../../../src/backends/aws/query-xml.ts";
import { httpAnswer, type RawEndpoint, type RawRequest, startRawEndpoint, success } from "./raw-endpoint.ts";

const signal = new AbortController().signal;
const secretKey = "secret-of-the-root-key";
const limits: PostLimits = { connectionTimeoutMs: 3000, callTimeoutMs: 5000, answerBytesMax: 1024 * 1024 };
const endpoints: RawEndpoint[] = [];

afterEach(async () => {
  for (const endpoint of endpoints.splice(0)) await endpoint.close();
});

type Answer = (request: RawRequest, socket: Socket) => void;
const text =
  (answer: string): Answer =>
  (_, socket) =>
    socket.write(answer);

async function connected(
  answer: Answer,
  options: {
    readonly limits?: Partial<PostLimits>;
    readonly nowMs?: () => number;
    readonly sessionToken?: string;
    readonly scheme?: string;
  } = {},
): Promise<{ readonly endpoint: RawEndpoint; readonly client: AwsQuery; get(): Promise<XmlElement> }> {
  const endpoint = await startRawEndpoint(answer);
  endpoints.push(endpoint);
  const { nowMs = Date.now, sessionToken, scheme = "http" } = options;
  const client = createAwsQuery(
    {
      accessKey: "AKIDEXAMPLE",
      secretKey,
      sessionToken,
      region: "us-east-1",
      iamEndpoint: `${scheme}://127.0.0.1:${endpoint.port}`,
      stsEndpoint: undefined,
    },
    { nowMs, limits: { ...limits, ...options.limits } },
  );
  onTestFinished(() => client.close());
  const get = () =>
    client.query({ service: "iam", action: "GetUser", parameters: { UserName: "ada" }, signal });
  return { endpoint, client, get };
}

async function failureOf(call: Promise<unknown>): Promise<AwsFailure> {
  const failure = await call.then(
    () => "a success",
    (error: unknown) => error,
  );
  if (failure instanceof AwsFailure) return failure;
  throw new Error(`It is no AwsFailure: ${inspect(failure)}`);
}

const good = success("GetUser", "<User><Path>/</Path></User>");

describe("createAwsQuery()", () => {
  it("posts an action and answers its result, on a connection that it keeps", async () => {
    const { endpoint, get } = await connected(text(httpAnswer(200, good)), { sessionToken: "token" });
    for (let calls = 0; calls < 3; calls++) {
      expect(textAt(await get(), "User", "Path")).toBe("/");
    }
    expect(endpoint.openMost).toBe(1);
    expect(endpoint.requests).toHaveLength(3);
    expect(endpoint.requests[0]).toMatchObject({
      line: "POST / HTTP/1.1",
      headers: {
        host: `127.0.0.1:${endpoint.port}`,
        "content-type": "application/x-www-form-urlencoded",
        "x-amz-security-token": "token",
        "user-agent": "leasehold",
        connection: "keep-alive",
      },
      body: "Action=GetUser&Version=2010-05-08&UserName=ada",
    });
  });

  it("answers an empty result where the action has none", async () => {
    const { get } = await connected(text(httpAnswer(200, success("GetUser"))));
    expect(await get()).toEqual({ name: "GetUserResult", text: "", children: [] });
  });

  it("reads an answer that comes in pieces, cut within a character", async () => {
    const { get } = await connected((_, socket) => {
      const bytes = Buffer.from(httpAnswer(200, success("GetUser", "<User><Path>/é/</Path></User>")));
      const at = bytes.indexOf(0xc3) + 1;
      socket.write(bytes.subarray(0, at), () => setImmediate(() => socket.write(bytes.subarray(at))));
    });
    expect(textAt(await get(), "User", "Path")).toBe("/é/");
  });

  it.each<[string, string, Answer, Partial<PostLimits>?]>([
    ["an empty success", "UnreadableAnswer", text(httpAnswer(200, ""))],
    ["a success without content", "UnreadableAnswer", text(httpAnswer(204, ""))],
    ["a page", "UnreadableAnswer", text(httpAnswer(200, "<!DOCTYPE html><html><body>Log in</body></html>"))],
    ["JSON", "UnreadableAnswer", text(httpAnswer(200, '{"GetUserResponse":{}}'))],
    ["another action's answer", "UnreadableAnswer", text(httpAnswer(200, success("DeleteUser")))],
    ["half an answer", "UnreadableAnswer", text(httpAnswer(200, good.slice(0, -20)))],
    ["a redirect", "HttpStatus307", text(httpAnswer(307, "", ["location: /elsewhere"]))],
    ["a page of a proxy", "HttpStatus403", text(httpAnswer(403, "<html><body>No.<hr></html>"))],
    ["a page of a gateway", "HttpStatus502", text(httpAnswer(502, "<h1>Bad Gateway</h1>"))],
    ["a hang-up", "ECONNRESET", (_, socket) => socket.end()],
    ["a reset", "ECONNRESET", (_, socket) => socket.resetAndDestroy()],
    ["a body that is cut off", "ECONNRESET", (_, socket) => socket.end(httpAnswer(200, good).slice(0, -9))],
    [
      "chunks that are cut off",
      "ECONNRESET",
      (_, socket) => socket.end(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n<GetU\r\n`),
    ],
    ["what is no HTTP", "HPE_INVALID_CONSTANT", text("220 mail.example.com ESMTP\r\n\r\n")],
    [
      "a change of protocol",
      "ConnectionClosed",
      text("HTTP/1.1 101 S\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n"),
    ],
    ["too much", "AnswerTooLarge", text(httpAnswer(200, good)), { answerBytesMax: 20 }],
    [
      "too much, without an end",
      "AnswerTooLarge",
      (_, socket) => {
        const more = () => socket.writable && socket.write("x".repeat(10_000), () => setImmediate(more));
        socket.write("HTTP/1.1 200 OK\r\n\r\n");
        more();
      },
    ],
    ["nothing at all", "TimeoutError", () => {}, { callTimeoutMs: 30 }],
    [
      "an answer without an end",
      "TimeoutError",
      text(httpAnswer(200, good).slice(0, -1)),
      { callTimeoutMs: 30 },
    ],
  ])("takes %s for an unknown outcome (%s), and sends nothing twice", async (_, code, answer, only) => {
    const { endpoint, get } = await connected(answer, { limits: only ?? {} });
    expect(await failureOf(get())).toMatchObject({ kind: "unknown", code });
    expect(endpoint.requests).toHaveLength(1);
  });

  it("takes a page of a thousand users, however long their names and paths", async () => {
    const path = `/${"p".repeat(510)}/`;
    const name = "n".repeat(64);
    const member =
      `<member><Path>${path}</Path><UserName>${name}</UserName><Arn>arn:aws:iam::111122223333:user${path}${name}</Arn>` +
      "<UserId>AIDACKCEVSQ6C2EXAMPLE</UserId><CreateDate>2026-11-24T10:00:00Z</CreateDate></member>";
    const page = success("ListUsers", `<Users>${member.repeat(1000)}</Users>`);
    const { endpoint } = await connected(text(httpAnswer(200, page)));
    const settings = { accessKey: "A", secretKey, sessionToken: undefined, region: "us-east-1" };
    const client = createAwsQuery({ ...settings, iamEndpoint: endpoint.url, stsEndpoint: undefined });
    onTestFinished(() => client.close());
    const result = await client.query({ service: "iam", action: "ListUsers", signal });
    expect(membersAt(result, "Users")).toHaveLength(1000);
  });

  it("gives up a connection that does not come about", async () => {
    const options = { scheme: "https", limits: { connectionTimeoutMs: 30 } };
    const { get } = await connected(() => {}, options);
    const failure = await failureOf(get());
    expect(failure).toMatchObject({ kind: "unknown", code: "TimeoutError" });
    expect(failure.message).toContain("no connection came about within 30 ms");
  });

  it("tells an endpoint that is not there, and a URL that is none", async () => {
    const { endpoint, get } = await connected(() => {});
    await endpoint.close();
    endpoints.length = 0;
    expect(await failureOf(get())).toMatchObject({ kind: "unknown", code: "ECONNREFUSED" });
    const settings = { accessKey: "A", secretKey, sessionToken: undefined, region: "us-east-1" };
    const none = createAwsQuery({ ...settings, iamEndpoint: "http://[", stsEndpoint: undefined });
    expect(await failureOf(none.query({ service: "iam", action: "GetUser", signal }))).toMatchObject({
      kind: "refused",
      code: "InvalidEndpoint",
    });
  });

  it("abandons a call that is aborted, before and while it is sent", async () => {
    const { endpoint, client } = await connected((_, socket) => {
      socket.once("close", () => gone.abort());
      late.abort();
    });
    const call = { service: "iam", action: "GetUser" } as const;
    expect(await failureOf(client.query({ ...call, signal: AbortSignal.abort() }))).toMatchObject({
      kind: "unknown",
      code: "AbortError",
    });
    expect(endpoint.requests).toHaveLength(0);
    const late = new AbortController();
    const gone = new AbortController();
    expect(await failureOf(client.query({ ...call, signal: late.signal }))).toMatchObject({
      kind: "unknown",
      code: "AbortError",
    });
    if (!gone.signal.aborted) await once(gone.signal, "abort");
    expect(endpoint.requests).toHaveLength(1);
  });

  it("refuses a parameter that is not well-formed, and sends nothing", async () => {
    const { endpoint, client } = await connected(text(httpAnswer(200, good)));
    const call = client.query({
      service: "iam",
      action: "GetUser",
      parameters: { UserName: "\udc00" },
      signal,
    });
    expect(await failureOf(call)).toMatchObject({ kind: "refused", code: "InvalidParameter" });
    expect(endpoint.requests).toHaveLength(0);
  });

  it("turns whatever Node refuses to send into a failure without the value", async () => {
    const { get } = await connected(text(httpAnswer(200, good)), { sessionToken: "a\nb" });
    const failure = await failureOf(get());
    expect(failure).toMatchObject({ kind: "unknown", code: "ERR_INVALID_CHAR" });
    expect(inspect(failure)).not.toContain("a\nb");
  });

  it("signs by AWS's clock once AWS has refused a call by it", async () => {
    const hourMs = 3_600_000;
    const nowMs = Date.parse("2026-11-24T10:00:00Z");
    const refusal = success("Error").replace(
      "<ResponseMetadata>",
      "<Error><Code>SignatureDoesNotMatch</Code><Message>Signature expired: …</Message></Error><ResponseMetadata>",
    );
    let date = new Date(nowMs + hourMs).toUTCString();
    let status = 403;
    const { endpoint, get } = await connected(
      (_, socket) => socket.write(httpAnswer(status, status === 200 ? good : refusal, [`date: ${date}`])),
      { nowMs: () => nowMs },
    );
    expect(await failureOf(get())).toMatchObject({ kind: "refused", code: "SignatureDoesNotMatch" });
    status = 200;
    await get();
    date = new Date(nowMs).toUTCString();
    await get();
    status = 403;
    date = new Date(nowMs + hourMs + 60_000).toUTCString();
    await failureOf(get());
    date = "once upon a time";
    await failureOf(get());
    date = new Date(nowMs).toUTCString();
    await failureOf(get());
    await failureOf(get());
    expect(endpoint.requests.map(({ headers }) => headers["x-amz-date"]?.slice(9, 13))).toEqual([
      "1000",
      "1100",
      "1100",
      "1100",
      "1100",
      "1100",
      "1000",
    ]);
  });

  it("never has a secret in a failure", async () => {
    const leaked = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY";
    const body = `<GetUserResponse><SecretAccessKey>${leaked}</SecretAccessKey>&${leaked};`;
    for (const status of [200, 400, 500]) {
      const { get } = await connected(text(httpAnswer(status, body)), { sessionToken: "the-token" });
      const failure = await failureOf(get());
      const told = inspect(failure, { depth: 10, showHidden: true });
      for (const secret of [leaked, secretKey, "the-token"]) expect(told).not.toContain(secret);
    }
  });

  it("opens at most 200 connections, and has the other calls wait", async () => {
    let held: Socket[] | undefined = [];
    const { endpoint, get } = await connected((_, socket) => {
      if (held !== undefined && held.push(socket) < 200) return;
      for (const each of held ?? [socket]) each.write(httpAnswer(200, good));
      held = undefined;
    });
    await Promise.all(Array.from({ length: 250 }, get));
    expect(endpoint.openMost).toBe(200);
    expect(endpoint.requests).toHaveLength(250);
  });

  it("closes its connections once nothing is in flight, and works on", async () => {
    const { endpoint, client, get } = await connected(text(httpAnswer(200, good)));
    const inFlight = get();
    client.close();
    await inFlight;
    const [socket] = endpoint.open;
    if (socket !== undefined) await once(socket, "close");
    expect(endpoint.open.size).toBe(0);
    await get();
  });
});
