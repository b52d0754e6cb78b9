import { setImmediate as nextTurn } from "node:timers/promises";
import { AwsFailure, type AwsFailureKind } from "../../src/backends/aws/aws-failure.ts";
import {
  type Belonging,
  belongings,
  type ExistingUser,
  type Iam,
  type Tags,
} from "../../src/backends/aws/iam.ts";

/** A call as it was sent. Calls of one wave were on their way at the same time. */
export interface FakeCall {
  readonly number: number;
  readonly name: string;
  /** Name, with what it is about: `remove accessKey AKIA…`. */
  readonly text: string;
  /** One more than the highest wave of the calls that had ended when this one was sent. */
  readonly wave: number;
  readonly isChange: boolean;
}

/** What goes wrong with a call: refused before it has any effect, or its reply lost after it had. */
export type FakeFault = AwsFailure | "lost reply";

/** A user in the fake, for tests to look at and to meddle with. */
export interface FakeUser {
  readonly name: string;
  path: string;
  tags: Tags;
  readonly boundaryArn: string | undefined;
  readonly inline: Map<string, string>;
  readonly keys: Map<string, string>;
  readonly has: Record<Exclude<Belonging, "accessKey" | "inlinePolicy">, Set<string>>;
  readonly visibleAtMs: number;
}

/** How the fake behaves. All can be changed at any time. */
export interface FakeIamKnobs {
  accountId: string | undefined;
  /** How long a new user is not found by any call. */
  visibleAfterMs: number;
  /** How long a deleted user is still found by `getUser`. */
  goneAfterMs: number;
  /** Decides what goes wrong with a call. */
  fault: (call: FakeCall) => FakeFault | undefined;
}

/** IAM in memory, as the port has it: deterministic, with faults to order and a log of what was sent. */
export interface FakeIam extends Iam {
  readonly users: Map<string, FakeUser>;
  readonly calls: FakeCall[];
  readonly knobs: FakeIamKnobs;
  /** How often `close` was called. */
  readonly closed: () => number;
  /** The calls sent since a number, wave by wave, each wave in order of sending. */
  waves(since?: number): string[][];
}

const change = /^(create|delete|tag|put|attach|add|remove)/;

/** Makes a failure as AWS would answer it. */
export function awsFailure(kind: AwsFailureKind, code: string, message = "Said by AWS."): AwsFailure {
  return new AwsFailure(kind, code, { message });
}

/** Makes a fake with its own account, in which no ARN or group with `missing` in its name exists. */
export function createFakeIam(clock: { readonly nowMs: () => number }): FakeIam {
  const users = new Map<string, FakeUser>();
  const leaving = new Map<string, { readonly user: FakeUser; readonly untilMs: number }>();
  const calls: FakeCall[] = [];
  const knobs: FakeIamKnobs = {
    accountId: "111122223333",
    visibleAfterMs: 0,
    goneAfterMs: 0,
    fault: () => undefined,
  };
  let wavesEnded = 0;
  let keysMade = 0;
  let closed = 0;

  async function call<T>(text: string, signal: AbortSignal, effect: () => T): Promise<T> {
    const name = text.split(" ", 1)[0] ?? "";
    const sent: FakeCall = {
      number: calls.length,
      name,
      text,
      wave: wavesEnded + 1,
      isChange: change.test(name),
    };
    calls.push(sent);
    try {
      await nextTurn();
      if (signal.aborted) throw awsFailure("unknown", "AbortError");
      const fault = knobs.fault(sent);
      if (fault instanceof AwsFailure) throw fault;
      const answer = effect();
      await nextTurn();
      if (fault === "lost reply") throw awsFailure("unknown", "ECONNRESET");
      return answer;
    } finally {
      wavesEnded = Math.max(wavesEnded, sent.wave);
    }
  }

  const noUser = (name: string) =>
    awsFailure("absent", "NoSuchEntity", `The user with name ${name} cannot be found.`);

  function find(name: string): FakeUser {
    const user = users.get(name.toLowerCase());
    if (user === undefined || user.visibleAtMs > clock.nowMs()) throw noUser(name);
    return user;
  }

  function attachable(kind: string, name: string): void {
    if (name.includes("missing"))
      throw awsFailure("absent", "NoSuchEntity", `${kind} ${name} does not exist or is not attachable.`);
  }

  function idsOf(user: FakeUser, belonging: Belonging): string[] {
    if (belonging === "accessKey") return [...user.keys.keys()];
    if (belonging === "inlinePolicy") return [...user.inline.keys()];
    return [...user.has[belonging]];
  }

  return {
    users,
    calls,
    knobs,
    closed: () => closed,
    waves(since = 0) {
      const waves = Map.groupBy(calls.slice(since), ({ wave }) => wave);
      return [...waves.values()].map((wave) => wave.map(({ text }) => text));
    },
    accountId: ({ signal }) => call("accountId", signal, () => knobs.accountId),
    createUser: ({ user: name, path, tags, boundaryArn, signal }) =>
      call("createUser", signal, () => {
        if (users.has(name.toLowerCase())) {
          throw awsFailure("exists", "EntityAlreadyExists", `User with name ${name} already exists.`);
        }
        if (boundaryArn !== undefined) attachable("Scope ARN:", boundaryArn);
        users.set(
          name.toLowerCase(),
          newUser({ name, path, tags, boundaryArn }, clock.nowMs() + knobs.visibleAfterMs),
        );
      }),
    getUser: ({ user: name, signal }) =>
      call("getUser", signal, (): ExistingUser => {
        const left = leaving.get(name.toLowerCase());
        const { path, tags } = left !== undefined && left.untilMs > clock.nowMs() ? left.user : find(name);
        return { path, tags };
      }),
    listUsers: ({ pathPrefix, signal }) =>
      call(`listUsers ${pathPrefix}`, signal, () =>
        [...users.values()]
          .filter(({ path, visibleAtMs }) => path.startsWith(pathPrefix) && visibleAtMs <= clock.nowMs())
          .map(({ name: user, path }) => ({ user, path })),
      ),
    deleteUser: ({ user: name, signal }) =>
      call("deleteUser", signal, () => {
        const user = find(name);
        const left = belongings.filter((belonging) => idsOf(user, belonging).length > 0);
        if (left.length > 0) {
          throw awsFailure(
            "conflict",
            "DeleteConflict",
            `Cannot delete entity, must remove ${left[0]} first.`,
          );
        }
        users.delete(name.toLowerCase());
        leaving.set(name.toLowerCase(), { user, untilMs: clock.nowMs() + knobs.goneAfterMs });
      }),
    tagUser: ({ user: name, tags, signal }) =>
      call("tagUser", signal, () => {
        const user = find(name);
        user.tags = { ...user.tags, ...tags };
      }),
    putInlinePolicy: ({ user, policy, document, signal }) =>
      call("putInlinePolicy", signal, () => void find(user).inline.set(policy, document)),
    getInlinePolicy: ({ user, policy, signal }) =>
      call("getInlinePolicy", signal, () => {
        const document = find(user).inline.get(policy);
        if (document === undefined) throw awsFailure("absent", "NoSuchEntity", `No policy ${policy}.`);
        return document;
      }),
    attachPolicy: ({ user, arn, signal }) =>
      call(`attachPolicy ${arn}`, signal, () => {
        const { has } = find(user);
        attachable("Policy", arn);
        has.attachedPolicy.add(arn);
      }),
    addToGroup: ({ user, group, signal }) =>
      call(`addToGroup ${group}`, signal, () => {
        const { has } = find(user);
        attachable("Group", group);
        has.group.add(group);
      }),
    createAccessKey: ({ user: name, signal }) =>
      call("createAccessKey", signal, () => {
        const user = find(name);
        if (user.keys.size >= 2) throw awsFailure("refused", "LimitExceeded", "Cannot exceed quota: 2.");
        const id = `AKIAFAKE${String(++keysMade).padStart(12, "0")}`;
        const secret = `secret-of-${id}`;
        user.keys.set(id, secret);
        return { id, secret };
      }),
    list: ({ user, belonging, signal }) =>
      call(`list ${belonging}`, signal, () => idsOf(find(user), belonging)),
    remove: ({ user: name, belonging, id, signal }) =>
      call(`remove ${belonging} ${id}`, signal, () => {
        const user = find(name);
        const things =
          belonging === "accessKey"
            ? user.keys
            : belonging === "inlinePolicy"
              ? user.inline
              : user.has[belonging];
        if (!things.delete(id)) throw awsFailure("absent", "NoSuchEntity", `There is no ${belonging} ${id}.`);
      }),
    close: () => void closed++,
  };
}

function newUser(
  user: Pick<FakeUser, "name" | "path" | "tags" | "boundaryArn">,
  visibleAtMs: number,
): FakeUser {
  return {
    ...user,
    inline: new Map(),
    keys: new Map(),
    has: {
      attachedPolicy: new Set(),
      group: new Set(),
      loginProfile: new Set(),
      signingCertificate: new Set(),
      sshPublicKey: new Set(),
      serviceCredential: new Set(),
      mfaDevice: new Set(),
    },
    visibleAtMs,
  };
}
