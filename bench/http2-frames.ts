/** Frame types of HTTP/2 that the load meets (RFC 9113, section 6). */
export const frameType = {
  data: 0,
  headers: 1,
  resetStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
} as const;

/** Flags of frames: the end of a stream, the end of its headers, and the acknowledgement of SETTINGS and PING. */
export const frameFlag = { endStream: 1, acknowledged: 1, endHeaders: 4 } as const;

/** Length of a frame's header, in bytes. */
export const frameHeaderBytes = 9;

/** Where in a frame the number of its stream stands. */
export const streamIdOffset = 5;

const clientPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const settingEnablePush = 2;
const settingInitialWindow = 4;
const windowBytesMax = 2 ** 31 - 1;
const firstWindowBytes = 65_535;

/** One frame. The stream is set later where a frame is a template. */
export function frame(type: number, flags: number, body: Uint8Array, streamId = 0): Buffer {
  const bytes = Buffer.alloc(frameHeaderBytes + body.length);
  bytes.writeUIntBE(body.length, 0, 3);
  bytes.writeUInt8(type, 3);
  bytes.writeUInt8(flags, 4);
  bytes.writeUInt32BE(streamId, streamIdOffset);
  bytes.set(body, frameHeaderBytes);
  return bytes;
}

/** What a client sends first: no pushes, and windows so large that answers never wait for them. */
export function clientHello(): Buffer {
  const settings = Buffer.alloc(12);
  settings.writeUInt16BE(settingEnablePush, 0);
  settings.writeUInt16BE(settingInitialWindow, 6);
  settings.writeUInt32BE(2 ** 20, 8);
  return Buffer.concat([
    Buffer.from(clientPreface),
    frame(frameType.settings, 0, settings),
    windowUpdate(windowBytesMax - firstWindowBytes),
  ]);
}

/** Lets the server send so many bytes more on the connection. */
export function windowUpdate(bytes: number): Buffer {
  const body = Buffer.alloc(4);
  body.writeUInt32BE(bytes);
  return frame(frameType.windowUpdate, 0, body);
}

/**
 * A request as frames: HEADERS and DATA, without the number of the stream. Clients send headers in full once a
 * connection, and after that by their place in the table that both sides keep (HPACK, RFC 7541): `first` and `later`.
 */
export function requestFrames(
  headers: Readonly<Record<string, string>>,
  body: Uint8Array,
): { readonly first: Buffer; readonly later: Buffer } {
  const entries = Object.entries(headers);
  // Literal with incremental indexing, name and value in full (6.2.1).
  const inFull = entries.flatMap(([name, value]) => [Buffer.of(0x40), text(name), text(value)]);
  // The static table has 61 entries; of the dynamic ones the newest comes first (2.3.3, 6.1).
  const byPlace = Buffer.from(entries.map((_, at) => 0x80 | (62 + entries.length - 1 - at)));
  const data = frame(frameType.data, frameFlag.endStream, body);
  const request = (block: Uint8Array) =>
    Buffer.concat([frame(frameType.headers, frameFlag.endHeaders, block), data]);
  return { first: request(Buffer.concat(inFull)), later: request(byPlace) };
}

/** A request's frames with their stream set. */
export function onStream(request: Buffer, streamId: number): Buffer {
  const bytes = Buffer.from(request);
  const headersBytes = frameHeaderBytes + bytes.readUIntBE(0, 3);
  bytes.writeUInt32BE(streamId, streamIdOffset);
  bytes.writeUInt32BE(streamId, headersBytes + streamIdOffset);
  return bytes;
}

/** A string of HPACK without Huffman coding: its length with a prefix of seven bits (5.1), and its bytes. */
function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  const length: number[] = [];
  if (bytes.length < 127) {
    length.push(bytes.length);
  } else {
    length.push(127);
    let rest = bytes.length - 127;
    for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) | 128);
    length.push(rest);
  }
  return Buffer.concat([Buffer.from(length), bytes]);
}
