import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ServerCredentials } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SecretService } from "../../gen/leasehold/v1/secrets_pb.ts";
import { FakeServer } from "./fake-server.ts";
import { run } from "./run.ts";

const readX = ["read", "secret/x"];
const remedy = 'Is it running? Start one with "leasehold server --dev", or set LEASEHOLD_ADDR.';

/** Listens, hands each connection to `answer`, and stops after `use`. */
async function withTcpServer(
  answer: (socket: Socket) => void,
  use: (port: number) => Promise<void>,
): Promise<void> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    answer(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  try {
    await use(typeof address === "object" && address ? address.port : 0);
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

describe("an address", () => {
  test("where nobody listens is reported with the address and what to do", async () => {
    let freed = 0;
    await withTcpServer(
      () => {},
      async (port) => {
        freed = port;
      },
    );
    const env = { LEASEHOLD_ADDR: `http://127.0.0.1:${freed}` };
    expect(await run(readX, { env })).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: `Error reading secret/x: cannot reach the server at http://127.0.0.1:${freed} (connection refused). ${remedy}\n`,
    });
    const ran = await run([...readX, "--format=json"], { env });
    expect(JSON.parse(ran.stderr).error).toMatchObject({ code: "unavailable", reason: null });
  });

  test("with a host that does not exist is reported so", async () => {
    const ran = await run([...readX, "--address", "http://no-such-host.invalid:8210"]);
    expect(ran.exitCode).toBe(1);
    expect(ran.stderr).toBe(
      `Error reading secret/x: cannot reach the server at http://no-such-host.invalid:8210 (the host name is not known). ${remedy}\n`,
    );
  });

  test("of something that is no gRPC server says which port to name", async () => {
    await withTcpServer(
      (socket) => socket.end("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n"),
      async (port) => {
        const ran = await run([...readX, "--address", `http://127.0.0.1:${port}`]);
        expect(ran).toEqual({
          exitCode: 1,
          stdout: "",
          stderr: `Error reading secret/x: cannot reach the server at http://127.0.0.1:${port} (what listens there does not speak gRPC). Set LEASEHOLD_ADDR to its gRPC port, 8210 unless changed, and to https:// where it uses TLS.\n`,
        });
      },
    );
  });

  test("of something that hangs up is reported in one line", async () => {
    await withTcpServer(
      (socket) => socket.destroy(),
      async (port) => {
        const ran = await run([...readX, "--address", `http://127.0.0.1:${port}`]);
        expect(ran.exitCode).toBe(1);
        expect(ran.stderr).toMatch(
          /^Error reading secret\/x: cannot reach the server at http:\S+ \([^()]+\)\. .+\n$/,
        );
      },
    );
  });

  test.each([
    "localhost:8210",
    "127.0.0.1:8210",
    "ftp://127.0.0.1",
    "http://",
    "http://user:secret@127.0.0.1:8210",
    "http://127.0.0.1:8210/path",
    "http://127.0.0.1:99999",
    "",
  ])("like %j is refused as wrong usage", async (address) => {
    const ran = await run([...readX, `--address=${address}`]);
    expect(ran).toMatchObject({ exitCode: 2, stdout: "" });
    expect(ran.stderr).toMatch(
      /^Error: --address .*it must be like "http:\/\/127\.0\.0\.1:8210" or "https:\/\/host:port"\.\n$/,
    );
    expect(ran.stderr).not.toContain("secret@");
  });

  test("from the environment is named by its variable where it cannot be used", async () => {
    const ran = await run(readX, { env: { LEASEHOLD_ADDR: "8210" } });
    expect(ran).toMatchObject({ exitCode: 2 });
    expect(ran.stderr).toContain('Error: LEASEHOLD_ADDR is "8210"');
  });
});

describe("an https address", () => {
  const hasOpenssl = (() => {
    try {
      execFileSync("openssl", ["version"], { stdio: "ignore" });
      return true;
    } catch {
      return false;
    }
  })();
  let folder: string;
  let server: FakeServer | undefined;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "leasehold-cli-tls-"));
    writeFileSync(join(folder, "empty.pem"), "");
    if (!hasOpenssl) return;
    execFileSync(
      "openssl",
      "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost".split(
        " ",
      ),
      { cwd: folder, stdio: "ignore" },
    );
    const [key, cert] = ["key.pem", "cert.pem"].map((name) => readFileSync(join(folder, name)));
    server = await new FakeServer()
      .on(SecretService.method.read, () => ({ data: { value: "tls" } }))
      .start(
        ServerCredentials.createSsl(null, [
          { private_key: key ?? Buffer.of(), cert_chain: cert ?? Buffer.of() },
        ]),
      );
  });
  afterAll(() => {
    server?.stop();
    rmSync(folder, { recursive: true });
  });

  const read = (...flags: string[]) =>
    run([...readX, "--address", `https://localhost:${server?.port ?? 1}`, ...flags], { cwd: folder });

  test.runIf(hasOpenssl)("is called with the CA that --ca-cert names", async () => {
    expect(await read("--ca-cert", "cert.pem")).toEqual({
      exitCode: 0,
      stdout: "Key    Value\nvalue  tls\n",
      stderr: "",
    });
  });

  test.runIf(hasOpenssl)("is not trusted without that CA", async () => {
    const ran = await read();
    expect(ran).toMatchObject({ exitCode: 1, stdout: "" });
    expect(ran.stderr).toMatch(
      /^Error reading secret\/x: cannot reach the server at https:\S+ \(TLS: .*certificate.*\)\. .*--ca-cert.*\n$/,
    );
  });

  test("of a server without TLS is reported so", async () => {
    await withTcpServer(
      (socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"),
      async (port) => {
        const ran = await run([...readX, "--address", `https://127.0.0.1:${port}`]);
        expect(ran.stderr).toContain(
          "(what listens there does not speak TLS). Set LEASEHOLD_ADDR to http://",
        );
      },
    );
  });

  test.runIf(hasOpenssl)("is asked for where http:// is given for a server with TLS", async () => {
    const ran = await run([...readX, "--address", `http://127.0.0.1:${server?.port}`]);
    expect(ran.exitCode).toBe(1);
    expect(ran.stderr).toMatch(
      /^Error reading secret\/x: cannot reach the server at http:\S+ .+ https:\/\/ where it uses TLS\.\n$/,
    );
  });

  test.each([
    ["nowhere.pem", 'Error: --ca-cert: cannot read the file "nowhere.pem" (no such file).\n'],
    [".", 'Error: --ca-cert: cannot read the file "." (it is a folder).\n'],
    ["empty.pem", 'Error: --ca-cert: the file "empty.pem" holds no certificate in PEM form.\n'],
  ])("refuses the CA %s", async (file, stderr) => {
    expect(await read("--ca-cert", file)).toEqual({ exitCode: 2, stdout: "", stderr });
  });

  test("is needed for --ca-cert", async () => {
    const ran = await run([...readX, "--ca-cert", "empty.pem"], { cwd: folder });
    expect(ran.exitCode).toBe(2);
    expect(ran.stderr).toContain("Error: --ca-cert needs an address that starts with https://");
  });
});
