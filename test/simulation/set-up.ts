import type { Operations } from "../../src/core/requests.ts";
import type { Asking } from "./ask.ts";
import type { Servers } from "./servers.ts";
import type { World } from "./world.ts";

/** Policy of every role that has one. */
const document =
  '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ec2:*"],"Resource":["*"]}]}';
const attached = ["arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws:iam::aws:policy/AmazonEC2FullAccess"];

/** What each role of a mount is written with; the names tell what is special about it. */
const roles: Readonly<Record<string, Operations["write"]["input"]["data"]>> = {
  plain: { policy_document: document },
  short: { policy_document: document, default_ttl: "6s", max_ttl: "40s" },
  rich: { policy_document: document, policy_arns: attached, iam_groups: ["developers"] },
};

/** The mount that stays. */
export const lastingMount = "aws";

/** A mount of its own root key, whose AWS hangs in some runs: nothing of the others may be late for that. */
export const hangingMount = "far";

/** The id of the root key of that mount. */
export const hangingKeyId = "AKIA4SGLQPBX6HANGING";

/** Names of the roles that there are. */
export const roleNames: readonly string[] = Object.keys(roles);

type Step = (server: Asking<"mount">["server"], onEnd: (isDone: boolean) => void) => void;

/** Mounts a backend at a path and writes its root key and roles, again and again until it is done. */
export function setUpMount(
  options: {
    readonly world: World;
    readonly servers: Servers;
    readonly ask: ReturnType<typeof import("./ask.ts").createAsk>;
  },
  path: string,
  onDone: (accessor: string) => void,
): void {
  const { world, servers, ask } = options;
  let accessor = "";
  const write =
    (place: string, data: Operations["write"]["input"]["data"]): Step =>
    (server, then) =>
      ask({
        ...{ server, name: "write", input: { path: `${path}/${place}`, data } },
        onEnd: ({ kind }) => then(kind === "answered"),
      });
  const steps: readonly Step[] = [
    (server, then) =>
      ask({
        ...{ server, name: "mount", input: { type: "aws", path, description: "", tuning: {} } },
        onEnd: (outcome) => {
          if (outcome.kind === "answered") accessor = outcome.output.accessor;
          const isThere = outcome.kind === "failed" && String(outcome.error).includes("is in use");
          then(outcome.kind === "answered" || isThere);
        },
      }),
    write("config/root", {
      access_key: path === hangingMount ? hangingKeyId : "AKIAI4SGLQPBX6CSENIQ",
      secret_key: "secret-of-the-root-key",
      validate: path !== hangingMount,
    }),
    ...Object.entries(roles).map(([name, data]) => write(`roles/${name}`, data)),
  ];
  const go = (at: number): void => {
    const step = steps[at];
    const [server] = servers.ready();
    const again = (): void => world.scheduler.after(500, () => go(at));
    if (!step) onDone(accessor);
    else if (server) step(server, (isDone) => (isDone ? go(at + 1) : again()));
    else again();
  };
  go(0);
}
