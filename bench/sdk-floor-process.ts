import { forkProgram } from "./forked-program.ts";
import type { Times } from "./time-each.ts";

/** What the SDK's floor is to do: create users with their key and policy, or delete those of the last order. */
export interface SdkFloorOrder {
  readonly kind: "issue" | "revoke";
  readonly awsUrl: string;
  readonly count: number;
  readonly inFlight: number;
  /** When each revocation is due at the earliest, in milliseconds since 1970; at once where undefined. */
  readonly dueAtMs?: readonly number[];
  /** How long it may take; 20 s unless told. */
  readonly answerMs?: number;
}

/** How long an order took, and the users it was about, in the order in which they are revoked. */
export interface SdkFloorTimes extends Times {
  readonly users: readonly string[];
}

const answerMsDefault = 20_000;

/** The bare AWS SDK in a process of its own. */
export interface SdkFloorProcess {
  readonly pid: number;
  run(order: SdkFloorOrder): Promise<SdkFloorTimes>;
  stop(): Promise<void>;
}

/** Starts the SDK's floor. */
export function startSdkFloor(): SdkFloorProcess {
  const program = forkProgram("./sdk-floor.ts");
  return {
    pid: program.pid,
    async run(order) {
      program.tell(order);
      const answer = (await program.hear(order.answerMs ?? answerMsDefault)) as
        | SdkFloorTimes
        | { readonly error: string };
      if ("error" in answer) throw new Error(`The AWS SDK failed: ${answer.error}`);
      return answer;
    },
    stop: () => program.stop(),
  };
}
