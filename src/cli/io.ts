/** A place where text is written to, such as a stream of the process. */
export type Sink = { write(text: string): unknown };

/** What a command may touch of the world around it, so that tests can put their own in its place. */
export type Io = {
  /** Takes data: what a script reads. */
  stdout: Sink;
  /** Takes talk: errors and warnings. */
  stderr: Sink;
  /** Gives what is piped in; read only where an argument asks for it. */
  stdin: AsyncIterable<Uint8Array>;
  /** Environment variables by name. */
  env: Readonly<Record<string, string | undefined>>;
  /** Aborts once nobody reads `stdout` any more, which ends what would go on for ever. */
  readerGone: AbortSignal;
  /** Folder that relative file names start from. */
  cwd: string;
};
