/** The calls that change something outside the process, by their names. */
const changingCalls: ReadonlySet<string> = new Set([
  ...[
    "begin",
    "activate",
    "renew",
    "reopen",
    "claim",
    "disarmed",
    "finish",
    "fail",
    "setMountState",
    "forgetMount",
  ],
  ...["put", "delete", "clear", "writeMount", "writeOperatorMark"],
  ...["createUser", "createKey", "moveExpiry", "deleteKeys", "deleteUser"],
]);

/**
 * What a process is plugged into the outside with. Once it is pulled, no call of the process goes out or comes
 * back any more: to the outside, and to the process itself, that is what SIGKILL looks like.
 */
export interface CrashPlug {
  /** The changing calls so far, in order. */
  readonly calls: readonly string[];
  readonly isPulled: boolean;
  /** Pulls the plug just before the effect of the changing call with this index, or just after it. */
  pullAt(index: number, when: "before" | "after"): void;
  pull(): void;
  /** The same object, with all its methods through the plug. */
  through<T extends object>(target: T): T;
}

/** Makes a plug that is in. */
export function createCrashPlug(): CrashPlug {
  const calls: string[] = [];
  let isPulled = false;
  let pullIndex = -1;
  let pullWhen: "before" | "after" = "before";
  const never = () => new Promise<never>(() => {});

  const run = async (name: string, call: () => Promise<unknown>): Promise<unknown> => {
    if (isPulled) return never();
    let isLast = false;
    if (changingCalls.has(name)) {
      isLast = calls.length === pullIndex;
      calls.push(name);
    }
    if (isLast) isPulled = true;
    if (isLast && pullWhen === "before") return never();
    const [result] = await Promise.allSettled([call()]);
    if (isPulled) return never();
    if (result.status === "rejected") throw result.reason;
    return result.value;
  };

  return {
    calls,
    get isPulled() {
      return isPulled;
    },
    pullAt(index, when) {
      pullIndex = index;
      pullWhen = when;
    },
    pull() {
      isPulled = true;
    },
    through: (target) =>
      new Proxy(target, {
        get(of, name) {
          const value: unknown = Reflect.get(of, name);
          if (typeof value !== "function" || name === "alive") return value;
          return (...args: readonly unknown[]) =>
            run(String(name), async () => Reflect.apply(value, of, args));
        },
      }),
  };
}
