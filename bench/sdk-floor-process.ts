import { forkProgram } from "./forked-program.ts";
import type { Times } from "./time-each.ts";

/** What the SDK's floor is to do: create users with their key and policy, or delete those of the last order. */
export interface SdkFloorOrder {
  readonly kind: "issue" | "revoke";
  readonly awsUrl: string;
  readonly count: number;
  readonly inFlight: number;
}

const answerMs = 20_000;

/** The bare AWS SDK in a process of its own. */
export interface SdkFloorProcess {
  readonly pid: number;
  run(order: SdkFloorOrder): Promise<Times>;
  stop(): Promise<void>;
}

/** Starts the SDK's floor. */
export function startSdkFloor(): SdkFloorProcess {
  const program = forkProgram("./sdk-floor.ts");
  return {
    pid: program.pid,
    async run(order) {
      program.tell(order);
      const answer = (await program.hear(answerMs)) as Times | { readonly error: string };
      if ("error" in answer) throw new Error(`The AWS SDK failed: ${answer.error}`);
      return answer;
    },
    stop: () => program.stop(),
  };
}
