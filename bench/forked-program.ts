import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** A program of this folder in a process of its own. It ends when it is let go, and with this process. */
export interface ForkedProgram {
  readonly pid: number;
  /** Sends an order. */
  tell(order: object): void;
  /** The next message; rejects where the program ends first or says nothing in time. */
  hear(timeoutMs: number): Promise<unknown>;
  stop(): Promise<void>;
}

/** Starts a program of this folder. */
export function forkProgram(file: string): ForkedProgram {
  const program = fileURLToPath(new URL(file, import.meta.url));
  const child: ChildProcess = fork(program, {
    serialization: "advanced",
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`Cannot start "${file}".`);
  return {
    pid,
    tell: (order) => void child.send(order),
    async hear(timeoutMs) {
      const over = new AbortController();
      const timer = setTimeout(() => over.abort(new Error(`"${file}" did not answer in time.`)), timeoutMs);
      const ended = () => over.abort(new Error(`"${file}" has ended.`));
      child.once("exit", ended);
      try {
        const [message] = await once(child, "message", { signal: over.signal });
        return message;
      } catch (error) {
        throw over.signal.aborted ? over.signal.reason : error;
      } finally {
        clearTimeout(timer);
        child.off("exit", ended);
      }
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, "exit");
      // What is bound to the channel ends with it; a program that hangs is ended all the same.
      if (child.connected) child.disconnect();
      const timer = setTimeout(() => child.kill("SIGKILL"), 1000);
      await exited;
      clearTimeout(timer);
    },
  };
}
