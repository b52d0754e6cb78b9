import { status } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  LeaseEventKind as Kind,
  LeaseService,
  LeaseState,
  type WatchRequest,
} from "../../gen/leasehold/v1/leases_pb.ts";
import { FakeServer, Refusal } from "./fake-server.ts";
import { type Ran, run } from "./run.ts";

const lease = {
  id: "aws/creds/deploy/1",
  path: "aws/creds/deploy",
  ttl: { seconds: 3600n },
  renewable: true,
  issuedAt: { seconds: 1_786_000_000n },
  expiresAt: { seconds: 1_786_003_600n },
  state: LeaseState.ACTIVE,
};
const gone = { id: lease.id, path: lease.path };

const event = (n: number, kind: Kind, facts: object = { lease }) => ({
  event: { kind, resumeToken: `t${n}`, occurredAt: { seconds: 1_786_000_000n + BigInt(n) }, ...facts },
});

const refused = () =>
  new Refusal("you may not", { code: status.PERMISSION_DENIED, reason: "PERMISSION_DENIED" });
const away = () =>
  new Refusal("The server is stopping.", { code: status.UNAVAILABLE, reason: "SERVER_STOPPING" });

/** One attempt to watch: the events it sees, and how it ends. */
type Attempt = { events: readonly ReturnType<typeof event>[]; end?: Error; isHeld?: true };

let server: FakeServer;
let attempts: Attempt[];

beforeEach(async () => {
  attempts = [];
  server = await new FakeServer()
    .onStream(LeaseService.method.watch, async function* () {
      const { events, end, isHeld } = attempts.shift() ?? { events: [], end: refused() };
      yield* events;
      if (isHeld) await new Promise(() => {});
      if (end) throw end;
    })
    .start();
});
afterEach(() => server.stop());

function watch(argv: readonly string[] = [], options: Parameters<typeof run>[1] = {}): Promise<Ran> {
  return run(["lease", "watch", ...argv], { ...options, env: { LEASEHOLD_ADDR: server.address } });
}

const asked = () => server.calls.map(({ request }) => request as WatchRequest);

describe("lease watch", () => {
  test("prints a line for each kind of event, with what a person wants to know next", async () => {
    const failing = { ...lease, state: LeaseState.REVOKING, attempts: 3, lastError: "AccessDenied\u001b[2J" };
    attempts = [
      {
        events: [
          event(1, Kind.ISSUED),
          event(2, Kind.RENEWED),
          event(3, Kind.EXPIRING_SOON),
          event(4, Kind.FAILED, { lease: failing }),
          event(5, Kind.IRREVOCABLE, { lease: { ...failing, attempts: 1, lastError: "" } }),
          event(6, Kind.REVOKED, { lease: gone }),
          event(7, Kind.FORGOTTEN, { lease: gone }),
          event(8, Kind.GAP, {}),
        ],
        end: refused(),
      },
    ];
    const { exitCode, stdout, stderr } = await watch(["aws/"]);
    expect(stdout.trimEnd().split("\n")).toEqual([
      "2026-08-06T07:06:41Z  issued         aws/creds/deploy/1  expires at 2026-08-06T08:06:40Z",
      "2026-08-06T07:06:42Z  renewed        aws/creds/deploy/1  expires at 2026-08-06T08:06:40Z",
      "2026-08-06T07:06:43Z  expiring_soon  aws/creds/deploy/1  expires at 2026-08-06T08:06:40Z",
      "2026-08-06T07:06:44Z  failed         aws/creds/deploy/1  3 attempts: AccessDenied\\u001b[2J",
      "2026-08-06T07:06:45Z  irrevocable    aws/creds/deploy/1  1 attempt",
      "2026-08-06T07:06:46Z  revoked        aws/creds/deploy/1",
      "2026-08-06T07:06:47Z  forgotten      aws/creds/deploy/1",
      '2026-08-06T07:06:48Z  gap            -  events were lost; "leasehold lease list" tells how things stand',
    ]);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr: "Go on with --resume t8\nError watching leases under aws/: you may not\n",
    });
    expect(asked()).toMatchObject([{ prefix: "aws/", resumeToken: "" }]);
    expect(server.calls[0]?.deadlineMs).toBe(Number.POSITIVE_INFINITY);
  });

  test("prints a JSON document a line, with the resume token, and null for what is not known any more", async () => {
    attempts = [
      {
        events: [event(1, Kind.ISSUED), event(2, Kind.REVOKED, { lease: gone }), event(3, Kind.GAP, {})],
        end: refused(),
      },
    ];
    const { stdout } = await watch(["--format=json", "--resume", "t0"]);
    expect(asked()[0]?.resumeToken).toBe("t0");
    const documents = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(documents).toMatchObject([
      {
        kind: "issued",
        occurred_at: "2026-08-06T07:06:41.000Z",
        lease: { lease_id: lease.id, state: "active", lease_duration: 3600, renewable: true },
        resume_token: "t1",
      },
      {
        kind: "revoked",
        lease: { lease_id: lease.id, path: lease.path, state: null, renewable: null, expires_at: null },
        resume_token: "t2",
      },
      { kind: "gap", lease: null, resume_token: "t3" },
    ]);
  });

  test("prints only the kinds that were asked for, and gaps, and resumes after the last event of any", async () => {
    attempts = [
      {
        events: [
          event(1, Kind.ISSUED),
          event(2, Kind.REVOKED),
          event(3, Kind.GAP, {}),
          event(4, Kind.FAILED),
          event(5, Kind.ISSUED),
        ],
        end: away(),
      },
    ];
    const { stdout } = await watch(["--kind", "revoked", "--kind=FAILED"]);
    expect(stdout.match(/(?<=Z {2})\w+/g)).toEqual(["revoked", "gap", "failed"]);
    expect(asked().map(({ resumeToken }) => resumeToken)).toEqual(["", "t5"]);
  });

  test("connects again after the server went away or ended the stream, goes on after the last event, and says so", async () => {
    attempts = [
      { events: [event(1, Kind.ISSUED)], end: away() },
      { events: [event(2, Kind.RENEWED)] },
      { events: [event(3, Kind.REVOKED)], end: refused() },
    ];
    const { exitCode, stdout, stderr } = await watch();
    expect(exitCode).toBe(1);
    expect(stdout.match(/(?<=Z {2})\w+/g)).toEqual(["issued", "renewed", "revoked"]);
    expect(asked().map(({ resumeToken }) => resumeToken)).toEqual(["", "t1", "t2"]);
    expect(stderr.split("\n")).toEqual([
      "Connecting again (The server is stopping); it goes on from the last event.",
      "Watching again.",
      "Connecting again (the server ended the stream); it goes on from the last event.",
      "Watching again.",
      "Go on with --resume t3",
      "Error watching leases: you may not",
      "",
    ]);
  });

  test("connects again after the connection was lost, and as often as it takes", async () => {
    const { port } = server;
    attempts = [{ events: [event(1, Kind.ISSUED)], isHeld: true }];
    let restarted: Promise<FakeServer> | undefined;
    const ran = await watch(["--format=json"], {
      onStdout: () => {
        if (restarted) return;
        server.stop();
        restarted = (async () => {
          server = new FakeServer().onStream(LeaseService.method.watch, async function* () {
            yield event(2, Kind.REVOKED);
            throw refused();
          });
          return server.start(undefined, port);
        })();
      },
    });
    expect(ran.stdout.match(/"kind":"\w+"/g)).toEqual(['"kind":"issued"', '"kind":"revoked"']);
    expect(asked().map(({ resumeToken }) => resumeToken)).toEqual(["t1"]);
    const notices = ran.stderr
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(notices.map((each) => Object.keys(each)[0])).toEqual(["notice", "notice", "notice", "error"]);
    expect(notices[0].notice).toMatch(/^Connecting again \(the connection to .* was lost/);
  });

  test("ends with 0 once its reader is gone", async () => {
    attempts = [{ events: [event(1, Kind.ISSUED)], isHeld: true }];
    const reader = new AbortController();
    const ran = await watch([], { readerGone: reader.signal, onStdout: () => reader.abort() });
    expect(ran).toMatchObject({ exitCode: 0, stderr: "" });
    expect(ran.stdout).toContain("issued");
  });

  test("fails at once where it never could watch: a refusal, a server that is away, an address of nobody", async () => {
    expect(await watch()).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: "Error watching leases: you may not\n",
    });
    const { address } = server;
    server.stop();
    const ran = await run(["lease", "watch"], { env: { LEASEHOLD_ADDR: address } });
    expect(ran).toMatchObject({ exitCode: 1, stdout: "" });
    expect(ran.stderr).toMatch(/^Error watching leases: cannot reach the server at .*\n$/);
  });

  test("refuses a kind that does not exist, and lists those that do", async () => {
    expect(await watch(["--kind", "expired"])).toEqual({
      exitCode: 2,
      stdout: "",
      stderr:
        'Error: --kind is "expired"; it must be one of "issued", "renewed", "expiring_soon", "revoked", "failed", "irrevocable", "forgotten", "gap".\n',
    });
    expect(server.calls).toEqual([]);
  });
});
