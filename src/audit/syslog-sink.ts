import { createSocket } from "node:dgram";
import { connect, type Socket } from "node:net";
import { hostname } from "node:os";
import type { AuditSink } from "../core/audit/audit-sink.ts";
import { invalidField } from "../core/field.ts";

/** Facility "log audit" (13), severity "informational" (6): RFC 5424, 6.2.1. */
const priority = 13 * 8 + 6;
/** How long a server on a stream may take to connect, and to take anything of a write, in milliseconds: less than a sink has for a write. */
const answerMsMax = 1500;
/** What one datagram takes, over IPv6 as well. A longer one would fail, and with it the calls whose lines go out beside it. */
const datagramBytesMax = 65_000;

/** Where a syslog server listens. */
type Address =
  | { readonly kind: "tcp" | "udp"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

function parseAddress(text: string): Address {
  const unix = /^unix:(\/.+)$/.exec(text)?.[1];
  if (unix !== undefined) return { kind: "unix", path: unix };
  const [, kind, name = "", port = ""] =
    /^(tcp|udp):\/\/(\[[0-9a-fA-F:.]+\]|[^:/\s]+):(\d{1,5})$/.exec(text) ?? [];
  const host = name.replace(/^\[|\]$/g, "");
  if ((kind === "tcp" || kind === "udp") && Number(port) > 0 && Number(port) < 65_536)
    return { kind, host, port: Number(port) };
  throw invalidField(
    "address",
    "must be tcp://host:port, udp://host:port, or unix:/path of a stream socket.",
  );
}

/** A line as a message of RFC 5424. */
function message(line: string, host: string): string {
  return `<${priority}>1 ${new Date().toISOString()} ${host} leasehold ${process.pid} audit - ${line}`;
}

/** Opens a way to a syslog server. Messages on a stream have their length before them (RFC 6587, 3.4.1). Throws `INVALID_FIELD`. */
export async function openSyslogSink(text: string): Promise<AuditSink> {
  const address = parseAddress(text);
  return address.kind === "udp" ? openDatagrams(address) : await openStream(address);
}

function openDatagrams({ host, port }: { readonly host: string; readonly port: number }): AuditSink {
  const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
  socket.unref();
  // Each line hears of its own failure; without a listener the process would end.
  socket.on("error", () => {});
  const send = (line: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const bytes = Buffer.from(message(line, hostname())).subarray(0, datagramBytesMax);
      socket.send(bytes, port, host, (error) => (error ? reject(error) : resolve()));
    });
  return {
    async write(lines) {
      await Promise.all(lines.trimEnd().split("\n").map(send));
    },
    reopen: async () => {},
    close: () => new Promise((resolve) => void socket.close(() => resolve())),
  };
}

async function openStream(address: Exclude<Address, { readonly kind: "udp" }>): Promise<AuditSink> {
  let open: Socket | undefined;

  const connectAnew = (): Promise<Socket> =>
    new Promise((resolve, reject) => {
      const socket =
        address.kind === "unix" ? connect(address.path) : connect({ host: address.host, port: address.port });
      socket.on("timeout", () => socket.destroy(new Error("The syslog server does not answer.")));
      socket.setTimeout(answerMsMax);
      socket.once("connect", () => {
        socket.setTimeout(0);
        socket.unref();
        resolve(socket);
      });
      socket.on("error", reject);
      socket.once("close", () => {
        if (open === socket) open = undefined;
      });
    });

  /** What was written before still goes out. */
  const close = async (): Promise<void> => {
    open?.end();
    open = undefined;
  };

  open = await connectAnew().catch((error: NodeJS.ErrnoException) => {
    throw invalidField("address", `cannot be reached (${error.code ?? error.message}).`);
  });
  return {
    async write(lines) {
      if (!open || open.destroyed) open = await connectAnew();
      const socket = open;
      const framed = lines
        .trimEnd()
        .split("\n")
        .map((line) => message(line, hostname()))
        .map((text) => `${Buffer.byteLength(text)} ${text}`)
        .join("");
      // To a server that went without a word the system goes on sending for a quarter of an hour.
      socket.setTimeout(answerMsMax);
      await new Promise<void>((resolve, reject) => {
        socket.write(framed, (error) => (error ? reject(socket.errored ?? error) : resolve()));
      });
      socket.setTimeout(0);
    },
    reopen: close,
    close,
  };
}
