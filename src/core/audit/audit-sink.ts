/** Somewhere that audit lines go. */
export interface AuditSink {
  /** Writes lines, each with a newline at its end; resolves once they are where they will be found after a crash. */
  write(lines: string): Promise<void>;
  /** Opens anew what it writes to, after somebody has moved it away. */
  reopen(): Promise<void>;
  close(): Promise<void>;
}

/** Kinds of sinks. */
export const auditSinkTypes = ["file", "stdout", "syslog"] as const;

/** One of them. */
export type AuditSinkType = (typeof auditSinkTypes)[number];

/** Which sink to open. */
export interface AuditSinkSettings {
  readonly type: AuditSinkType;
  /** What the kind takes: `path` of a file, `address` of a syslog server. */
  readonly options: Readonly<Record<string, string>>;
}

/** Opens sinks. Throws `INVALID_FIELD` for options that cannot be used, and whatever keeps the sink from being opened. */
export type OpenAuditSink = (settings: AuditSinkSettings) => Promise<AuditSink>;
