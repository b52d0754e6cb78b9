/** What the watcher is to run: the command, its arguments, its whole environment and its working folder. */
export interface GuardedCommand {
  /** An absolute path, or a name to look up on the PATH in `env`. */
  readonly command: string;
  readonly args: readonly string[];
  /**
   * The child's whole environment. Nothing is inherited, so a root key or a token in the parent's
   * environment does not travel into every child by accident.
   */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** How a child ended: its exit code, or the signal that ended it. */
export interface ChildExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What the parent tells the watcher. */
export type GuardOrder =
  | { readonly kind: "start"; readonly command: GuardedCommand }
  | { readonly kind: "stop"; readonly graceMs: number };

/** What the watcher tells the parent. */
export type GuardNews =
  | { readonly kind: "started"; readonly pid: number }
  | { readonly kind: "failed"; readonly reason: string }
  | { readonly kind: "exited"; readonly exit: ChildExit };
