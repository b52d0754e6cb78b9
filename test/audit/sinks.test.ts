import { spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { mkdtemp, readFile, rename, rm, stat, unlink } from "node:fs/promises";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createOpenSink } from "../../src/audit/open-sink.ts";

let dir: string;
const written: string[] = [];
const stdout = new Writable({
  write(chunk, _encoding, done) {
    written.push(String(chunk));
    done();
  },
});
const open = createOpenSink(stdout);

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "leasehold-audit-"));
});
afterEach(() => rm(dir, { recursive: true }));

describe("a file as an audit sink", () => {
  const openFile = () => open({ type: "file", options: { path: join(dir, "audit.log") } });
  const text = (name = "audit.log") => readFile(join(dir, name), "utf8");

  test("is appended to, and readable by its owner alone", async () => {
    for (const line of ['{"n":1}\n', '{"n":2}\n']) {
      const sink = await openFile();
      await sink.write(line);
      await sink.close();
    }
    expect(await text()).toBe('{"n":1}\n{"n":2}\n');
    expect((await stat(join(dir, "audit.log"))).mode & 0o777).toBe(0o600);
  });

  test("is opened anew once it was moved away, and made anew where it was deleted", async () => {
    const sink = await openFile();
    await sink.write("one\n");
    await rename(join(dir, "audit.log"), join(dir, "audit.log.1"));
    await sink.write("two\n");
    await sink.reopen();
    await sink.write("three\n");
    expect([await text("audit.log.1"), await text()]).toEqual(["one\ntwo\n", "three\n"]);
    await unlink(join(dir, "audit.log"));
    await sink.write("four\n");
    expect(await text()).toBe("four\n");
    await sink.close();
  });

  test("cannot be written to once its folder is gone", async () => {
    const sink = await openFile();
    await rm(dir, { recursive: true });
    await expect(sink.write("one\n")).rejects.toMatchObject({ code: "ENOENT" });
    await sink.close();
    dir = await mkdtemp(join(tmpdir(), "leasehold-audit-"));
  });

  test.each([
    [{ path: "audit.log" }, "absolute path"],
    [{ path: "/no/such/folder/audit.log" }, "ENOENT"],
    [{}, '"path" is missing'],
    [{ path: "/tmp/x", address: "y" }, '"address"'],
  ])("is refused with %j", async (options, words) => {
    await expect(open({ type: "file", options })).rejects.toMatchObject({
      code: "INVALID_FIELD",
      message: expect.stringContaining(words),
    });
  });
});

test("the standard output is an audit sink", async () => {
  const sink = await open({ type: "stdout", options: {} });
  await sink.write("one\n");
  expect(written).toEqual(["one\n"]);
});

test("the standard output that is a file has every line whole that was taken, when its disk is full", async () => {
  const sink = join(import.meta.dirname, "../../src/audit/stdout-sink.ts");
  const script = `
    const { openStdoutSink } = await import(${JSON.stringify(sink)});
    const sink = openStdoutSink(process.stdout);
    for (;;) {
      const failed = await sink.write(JSON.stringify({ x: "x".repeat(300) }) + "\\n").then(() => "", ({ code }) => code);
      process.stderr.write(failed || "+");
      if (failed) break;
    }`;
  const file = join(dir, "out");
  const command = 'ulimit -f 1; exec "$0" --input-type=module --eval "$1" >> "$2"';
  const { stderr } = spawnSync("sh", ["-c", command, process.execPath, script, file], { encoding: "utf8" });
  const [, taken = "", why] = /^(\+*)(.*)$/.exec(stderr) ?? [];
  const lines = (await readFile(file, "utf8")).split("\n").filter((line) => line.endsWith("}"));
  expect([lines.length, why]).toEqual([taken.length, "EFBIG"]);
});

describe("a syslog server as an audit sink", () => {
  /** A server on a free port that keeps what it hears, and one `until` for what it should have heard. */
  async function listen() {
    const heard: string[] = [];
    const sockets = new Set<Socket>();
    let wake = () => {};
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("data", (data) => {
        heard.push(String(data));
        wake();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    return {
      address: `tcp://127.0.0.1:${port}`,
      async until(words: string) {
        while (!heard.join("").includes(words))
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        return heard.join("");
      },
      drop() {
        for (const socket of sockets) socket.destroy();
      },
      async close() {
        for (const socket of sockets) socket.destroy();
        await new Promise((resolve) => server.close(resolve));
      },
    };
  }

  test("gets each line as a message with its length before it", async () => {
    const server = await listen();
    const sink = await open({ type: "syslog", options: { address: server.address } });
    await sink.write('{"a":1}\n{"b":"é"}\n');
    const text = await server.until('{"b"');
    const frames = [...text.matchAll(/(\d+) (<110>1 \S+ \S+ leasehold \d+ audit - \{[^}]*\})/g)];
    expect(frames.map(([, length, message]) => Number(length) - Buffer.byteLength(message ?? ""))).toEqual([
      0, 0,
    ]);
    await sink.close();
    await server.close();
  });

  test("is connected to again after it went away, and fails a write while it is not there", async () => {
    const server = await listen();
    const sink = await open({ type: "syslog", options: { address: server.address } });
    await sink.write("one\n");
    await server.until("one");
    await sink.reopen();
    await sink.write("two\n");
    await server.until("two");
    await sink.reopen();
    await server.close();
    await expect(sink.write("three\n")).rejects.toMatchObject({ code: "ECONNREFUSED" });
    await sink.close();
  });

  test("that stops reading is left, and connected to anew", async () => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      sockets.push(socket);
      socket.on("error", () => {});
      // The first connection is one to a server that hangs.
      if (sockets.length === 1) socket.pause();
      else socket.resume();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const sink = await open({ type: "syslog", options: { address } });
    const lines = `${"x".repeat(32 * 1024 * 1024)}\n`;
    await expect(sink.write(lines)).rejects.toThrow("does not answer");
    await sink.write(lines);
    expect(sockets).toHaveLength(2);
    await sink.close();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });

  test("gets datagrams by UDP", async () => {
    const socket = createSocket("udp4");
    await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
    const heard = new Promise<string>((resolve) =>
      socket.once("message", (message) => resolve(String(message))),
    );
    const address = `udp://127.0.0.1:${socket.address().port}`;
    const sink = await open({ type: "syslog", options: { address } });
    await sink.write("one\n");
    expect(await heard).toMatch(/^<110>1 .* leasehold \d+ audit - one$/);
    await sink.close();
    await new Promise<void>((resolve) => socket.close(() => resolve()));
  });

  test("gets a line that is too long for a datagram cut, and those beside it whole", async () => {
    const socket = createSocket("udp4");
    await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
    const heard: string[] = [];
    const all = new Promise<void>((resolve) =>
      socket.on("message", (message) => {
        if (heard.push(String(message)) === 2) resolve();
      }),
    );
    const address = `udp://127.0.0.1:${socket.address().port}`;
    const sink = await open({ type: "syslog", options: { address } });
    await sink.write(`${"x".repeat(100_000)}\nshort\n`);
    await all;
    expect(heard.sort().map((text) => text.slice(text.lastIndexOf(" ") + 1).slice(0, 5))).toEqual(
      expect.arrayContaining(["xxxxx", "short"]),
    );
    await sink.close();
    await new Promise<void>((resolve) => socket.close(() => resolve()));
  });

  test.each([
    "",
    "localhost:514",
    "tcp://x",
    "tcp://x:0",
    "http://x:1",
    "unix:relative",
    "tcp://127.0.0.1:1",
  ])("is refused at %j", async (address) => {
    await expect(open({ type: "syslog", options: { address } })).rejects.toMatchObject({
      code: "INVALID_FIELD",
    });
  });
});
