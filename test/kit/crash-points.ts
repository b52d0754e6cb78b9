import { type CallGate, type OutsideCall, openCallGate, type StopWhen } from "./call-gate.ts";
import type { DeployedServer, Deployment } from "./deployment.ts";

/** A moment at which a server is killed. */
export interface CrashPoint {
  readonly call: OutsideCall;
  readonly when: StopWhen;
}

/** What came of a server that was killed. */
export interface Crash<Subject> {
  readonly point: CrashPoint;
  /** What it was working on. */
  readonly subject: Subject;
  /** What its caller was told; rejected where nothing came back. */
  readonly outcome: PromiseSettledResult<unknown>;
}

/** What a server does when it is killed. */
export interface CrashPlay<Subject> {
  readonly deployment: Deployment;
  /** Makes what the server works on, before it is known to be killed. */
  readonly prepare: () => Promise<Subject>;
  readonly act: (server: DeployedServer, subject: Subject) => Promise<unknown>;
}

/** Calls that every server makes by itself, at any time: they belong to no caller, and change nothing but the number of seals. */
const background = /^redis:(peek|ping|read-hash|add-to-hash)\b|^redis:get (operator|keyring)$/;
/** What only reads. Whether a server dies before or after such a call is the same to everybody else. */
const reading = /^redis:(get|read)\b|^aws:(Get|List)/;

/** A server takes a second of a processor to start: more of them at a time would all be late. */
const startsMax = 2;
let starting: readonly Promise<unknown>[] = [];

/** Waits for its turn among all starts of this process. */
async function inTurn<T>(start: () => Promise<T>): Promise<T> {
  const ahead = starting.at(-startsMax);
  const started = Promise.resolve(ahead).then(start);
  starting = [...starting.slice(1 - startsMax), started.catch(() => {})];
  return started;
}

/** Says where a server is killed: `before aws:CreateUser`. */
export const wordPoint = ({ call: { name, nth }, when }: CrashPoint): string =>
  `${when} ${name}${nth === 1 ? "" : `, the ${nth}th`}`;

interface Victim extends AsyncDisposable {
  readonly gate: CallGate;
  readonly server: DeployedServer;
}

async function startVictim({ redis, aws, startServer }: Deployment): Promise<Victim> {
  const gate = await openCallGate({ redisPort: redis.port, awsPort: aws.port });
  try {
    const server = await inTurn(() => startServer(gate.env));
    const end = async (): Promise<void> => {
      await server.kill();
      await gate.close();
    };
    return { gate, server, [Symbol.asyncDispose]: end };
  } catch (error) {
    await gate.close();
    throw error;
  }
}

/** Has a new server act once, unharmed, and answers every moment at which it could have been killed, in order. */
export async function findCrashPoints<Subject>(play: CrashPlay<Subject>): Promise<readonly CrashPoint[]> {
  const subject = await play.prepare();
  await using victim = await startVictim(play.deployment);
  victim.gate.watch();
  await play.act(victim.server, subject);
  return victim.gate.calls
    .filter(({ name }) => !background.test(name))
    .flatMap((call): CrashPoint[] => {
      const before: CrashPoint = { call, when: "before" };
      return reading.test(call.name) ? [before] : [before, { call, when: "after" }];
    });
}

async function killAt<Subject>(
  { gate, server }: Victim,
  {
    point,
    subject,
    act,
  }: { readonly point: CrashPoint; readonly subject: Subject } & Pick<CrashPlay<Subject>, "act">,
): Promise<Crash<Subject>> {
  const reached = gate.stopAt(point.call, point.when);
  let isReached = false;
  const killed = reached.then(() => {
    isReached = true;
    process.kill(server.pid, "SIGKILL");
  });
  const acted = Promise.allSettled([act(server, subject)]);
  await Promise.race([killed, acted]);
  if (!isReached) {
    const [cause] = (await acted).map((one) => (one.status === "rejected" ? one.reason : "It succeeded."));
    const seen = gate.calls.map(({ name }) => name).join(", ");
    throw new Error(`The server came to an end, not ${wordPoint(point)}, by ${seen}: ${cause}`);
  }
  await server.exited;
  const [outcome] = await acted;
  return { point, subject, outcome };
}

/** Servers that are about to be killed. */
export interface Victims<Subject> extends AsyncDisposable {
  /**
   * Has all of them act at the same time, and kills each at its point. Resolves when all are dead; rejects where one
   * never came to its point.
   */
  kill(): Promise<readonly Crash<Subject>[]>;
}

/** Starts a server for each point. */
export async function startVictims<Subject>(
  play: CrashPlay<Subject>,
  points: readonly CrashPoint[],
): Promise<Victims<Subject>> {
  const stack = new AsyncDisposableStack();
  const scenes: { readonly point: CrashPoint; readonly subject: Subject; readonly victim: Victim }[] = [];
  const starts = await Promise.allSettled(
    points.map(async (point) => {
      const subject = await play.prepare();
      scenes.push({ point, subject, victim: stack.use(await startVictim(play.deployment)) });
    }),
  );
  // All starts have ended by now, so that what they started can be ended.
  for (const one of starts) {
    if (one.status === "fulfilled") continue;
    await stack.disposeAsync();
    throw one.reason;
  }
  return {
    async kill() {
      const { act } = play;
      const kills = await Promise.allSettled(
        scenes.map(({ victim, point, subject }) => killAt(victim, { point, subject, act })),
      );
      return kills.map((one) => {
        if (one.status === "rejected") throw one.reason;
        return one.value;
      });
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
