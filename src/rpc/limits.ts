/** Limits of the two servers. Times are in milliseconds, sizes in bytes unless a name says otherwise. */
export interface RpcLimits {
  /** Longest request message. */
  readonly requestBytesMax: number;
  /** Longest response message. */
  readonly responseBytesMax: number;
  /** Deadline of a call whose caller names none. */
  readonly defaultDeadlineMs: number;
  /** Longest deadline of any call; a later one is cut to it. */
  readonly maxDeadlineMs: number;
  /** Streams of replies at the same time, over both listeners together; those of the health service are not among them. */
  readonly replyStreamsMax: number;
  /** Connections of one listener at the same time. */
  readonly connectionsMax: number;
  /** Connections from one address, or one IPv6 /64, to one listener at the same time. */
  readonly connectionsPerAddressMax: number;
  /** gRPC: bytes a second that a connection may send besides its calls: pings, settings and the like. */
  readonly idleBytesPerSecond: number;
  /** gRPC: how many bytes beyond that, and beyond its calls, a connection may have sent before it is cut. */
  readonly idleBytesMax: number;
  /** gRPC: how many such bytes all connections together may have sent, messages that are on their way included, before those with most are cut. */
  readonly unaskedBytesMax: number;
  /** gRPC: calls on one connection at the same time. */
  readonly streamsPerConnectionMax: number;
  /** gRPC: memory of one HTTP/2 session, in megabytes. */
  readonly sessionMemoryMegabytesMax: number;
  /** gRPC: `Watch` streams of the health service at the same time. */
  readonly healthWatchersMax: number;
  /** gRPC: silence after which the server asks whether the peer is still there. */
  readonly keepaliveMs: number;
  /** gRPC: how long the peer may take to answer that. */
  readonly keepaliveTimeoutMs: number;
  /** gRPC: how long a connection may stay without a call. */
  readonly connectionIdleMs: number;
  /** gRPC: age at which a connection is asked to end, give or take a tenth. */
  readonly connectionAgeMs: number;
  /** gRPC: how long the calls of such a connection may go on. */
  readonly connectionAgeGraceMs: number;
  /** HTTP: request line and headers together. */
  readonly headerBytesMax: number;
  /** HTTP: number of headers. */
  readonly headersMax: number;
  /** HTTP: time for sending all headers. */
  readonly headersTimeoutMs: number;
  /** Time for sending the whole request. */
  readonly requestTimeoutMs: number;
  /** HTTP: how long a connection may stay between two requests. */
  readonly keepAliveTimeoutMs: number;
  /** HTTP: how often the two time-outs of a request are looked at; they are late by this much at most. */
  readonly timeoutCheckMs: number;
  /** HTTP: requests on one connection; the last answer asks to close it, and one more gets 503. */
  readonly requestsPerConnectionMax: number;
}

const secondMs = 1000;
const minuteMs = 60 * secondMs;

/** Limits where none are given, each with its reason. */
export const defaultRpcLimits: RpcLimits = {
  // Credentials, roles and policies are a few kB: IAM's longest policy has 6,144 characters.
  requestBytesMax: 64 * 1024,
  // A full page of leases (1000, some 600 bytes each) fits.
  responseBytesMax: 4 * 1024 * 1024,
  // A vendor's slow answer and one retry of it; a caller that waits longer says so.
  defaultDeadlineMs: 30 * secondMs,
  // Unmounting and revoking by prefix work until the deadline, and nothing else takes this long.
  maxDeadlineMs: 10 * minuteMs,
  // Each reads what happens on its own, and on HTTP holds a connection: a quarter of those of one listener.
  replyStreamsMax: 250,
  // Below 4096, the usual limit of open files, times two listeners, with room for Redis and the vendor.
  connectionsMax: 1000,
  // One host, or one proxy in front of many, must not take all of them.
  connectionsPerAddressMax: 250,
  // Some 500 pings a second; a client that pings once a second, and one that updates its windows, needs a hundredth of it.
  idleBytesPerSecond: 8 * 1024,
  // What is refused for its length counts, too: a client may get it wrong a dozen times in a row.
  idleBytesMax: 2 * 1024 * 1024,
  // Two thousand of the longest messages on their way at once; more would only wait for memory.
  unaskedBytesMax: 128 * 1024 * 1024,
  // HTTP/2 recommends at least 100 (RFC 9113, 6.5.2); more would only queue in this process.
  streamsPerConnectionMax: 256,
  // All streams of a connection with a full 64 kB flow control window each.
  sessionMemoryMegabytesMax: 32,
  // One a load balancer, with room; each holds a stream open for ever.
  healthWatchersMax: 100,
  // Below the 350 s and 60 s after which common load balancers forget a silent connection.
  keepaliveMs: 50 * secondMs,
  keepaliveTimeoutMs: 20 * secondMs,
  connectionIdleMs: 15 * minuteMs,
  // Long-lived clients come back through the load balancer, and so reach new servers.
  connectionAgeMs: 60 * minuteMs,
  // No call with one answer lives longer than the longest deadline. A stream is cut off then, and its caller resumes it.
  connectionAgeGraceMs: 10 * minuteMs,
  // Node's own default; a token and a browser's headers need a tenth of it.
  headerBytesMax: 16 * 1024,
  headersMax: 100,
  headersTimeoutMs: 10 * secondMs,
  requestTimeoutMs: 30 * secondMs,
  // Longer than the 60 s for which common proxies keep a connection: the proxy closes it, not we under its request.
  keepAliveTimeoutMs: 65 * secondMs,
  timeoutCheckMs: 2 * secondMs,
  requestsPerConnectionMax: 10_000,
};
