import { AwsFailure, type AwsFailureKind } from "../../src/backends/aws/aws-failure.ts";
import { guardSid } from "../../src/backends/aws/guard.ts";
import { type Belonging, belongings, type Tags } from "../../src/backends/aws/iam.ts";
import type { Process } from "./scheduler.ts";

/** An access key of a user. */
export interface AwsKey {
  readonly id: string;
  readonly secret: string;
  readonly visibleAtMs: number;
  /** Made by a call that the client had given up on, or shown only later: who looked for it did not find it. */
  readonly isHidden: boolean;
}

/** A user as it truly is. */
export interface AwsUser {
  readonly name: string;
  readonly path: string;
  tags: Tags;
  readonly visibleAtMs: number;
  /** Made by a call that the client had given up on. */
  readonly isLate: boolean;
  readonly maker: Process | undefined;
  readonly keys: Map<string, AwsKey>;
  /** Inline policies: their text. */
  readonly inline: Map<string, string>;
  readonly attached: Set<string>;
  readonly groups: Set<string>;
}

/** A change of the account, told just after it happened. */
export interface AwsChange {
  readonly kind: "user made" | "user gone" | "key made" | "key gone" | "policy put" | "permission gone";
  readonly user: AwsUser;
  /** Id of the key, name of the policy, or what else it is about. */
  readonly about: string;
  readonly actor: Process | undefined;
}

/** An AWS account: what is true at once, and what its servers show, which is true a little later. */
export interface AwsAccount {
  /** The process whose call is being served. */
  actor: Process | undefined;
  readonly users: ReadonlyMap<string, AwsUser>;
  /** Runs one call at this moment. Throws `AwsFailure`. */
  createUser(name: string, user: Pick<AwsUser, "path" | "tags" | "isLate">): void;
  getUser(name: string): { readonly path: string; readonly tags: Tags };
  /** Names and paths of the users that are seen, below a path. */
  listUsers(pathPrefix: string): readonly { readonly user: string; readonly path: string }[];
  deleteUser(name: string): void;
  tagUser(name: string, tags: Tags): void;
  putInlinePolicy(name: string, policy: string, document: string): void;
  getInlinePolicy(name: string, policy: string): string;
  attachPolicy(name: string, arn: string): void;
  addToGroup(name: string, group: string): void;
  createAccessKey(name: string, isLate: boolean): { readonly id: string; readonly secret: string };
  list(name: string, belonging: Belonging): readonly string[];
  remove(name: string, belonging: Belonging, id: string): void;
  onChange(listener: (change: AwsChange) => void): void;
}

const keysMax = 2;
/** Who looks for something after a call had no answer does so later than this. */
const atOnceMs = 40;

/** Makes a failure as AWS words it. */
export function awsFailure(kind: AwsFailureKind, code: string, message: string): AwsFailure {
  return new AwsFailure(kind, code, { message });
}

/** When the guard of a user ends its key, whatever else happens; undefined where it has none. */
export function guardEndsAtMs(user: AwsUser): number | undefined {
  for (const text of user.inline.values()) {
    const document: { readonly Statement: readonly Statement[] } = JSON.parse(text);
    const guard = document.Statement.find(({ Sid }) => Sid === guardSid);
    const endsAt = guard?.Condition?.DateGreaterThan?.["aws:CurrentTime"];
    if (endsAt !== undefined) return Date.parse(endsAt);
  }
  return undefined;
}

interface Statement {
  readonly Sid?: string;
  readonly Condition?: { readonly DateGreaterThan?: { readonly "aws:CurrentTime"?: string } };
}

/** Makes an empty account. The delays say how much later what was made or deleted shows. */
export function createAwsAccount(options: {
  readonly nowMs: () => number;
  readonly creationDelayMs: () => number;
  readonly deletionDelayMs: () => number;
}): AwsAccount {
  const { nowMs, creationDelayMs, deletionDelayMs } = options;
  const users = new Map<string, AwsUser>();
  /** Users and keys that are gone and still show. */
  const ghosts = new Map<string, { readonly user: AwsUser; readonly untilMs: number }>();
  const ghostKeys = new Map<string, { readonly id: string; readonly untilMs: number }[]>();
  const listeners: ((change: AwsChange) => void)[] = [];
  let keysMade = 0;

  const tell = (kind: AwsChange["kind"], user: AwsUser, about = ""): void => {
    for (const listener of listeners) listener({ kind, user, about, actor: account.actor });
  };
  const noUser = (name: string) =>
    awsFailure("absent", "NoSuchEntity", `The user with name ${name} cannot be found.`);
  const shown = (name: string): AwsUser => {
    const user = users.get(name);
    if (!user || user.visibleAtMs > nowMs()) throw noUser(name);
    return user;
  };

  const idsOf = (user: AwsUser, belonging: Belonging): readonly string[] => {
    if (belonging === "accessKey") return [...user.keys.keys()];
    if (belonging === "inlinePolicy") return [...user.inline.keys()];
    if (belonging === "attachedPolicy") return [...user.attached];
    return belonging === "group" ? [...user.groups] : [];
  };
  const removeFrom = (user: AwsUser, belonging: Belonging, id: string): boolean => {
    if (belonging === "inlinePolicy") return user.inline.delete(id);
    if (belonging === "attachedPolicy") return user.attached.delete(id);
    return belonging === "group" && user.groups.delete(id);
  };

  const account: AwsAccount = {
    actor: undefined,
    users,
    onChange: (listener) => void listeners.push(listener),
    createUser(name, { path, tags, isLate }) {
      if (users.has(name)) throw awsFailure("exists", "EntityAlreadyExists", `User ${name} already exists.`);
      const user: AwsUser = {
        ...{ name, path, tags, isLate, maker: account.actor, visibleAtMs: nowMs() + creationDelayMs() },
        ...{ keys: new Map(), inline: new Map(), attached: new Set(), groups: new Set() },
      };
      users.set(name, user);
      tell("user made", user);
    },
    getUser(name) {
      const ghost = ghosts.get(name);
      return ghost && ghost.untilMs > nowMs() ? ghost.user : shown(name);
    },
    listUsers: (pathPrefix) =>
      [...users.values()]
        .filter(({ path, visibleAtMs }) => path.startsWith(pathPrefix) && visibleAtMs <= nowMs())
        .map(({ name: user, path }) => ({ user, path })),
    deleteUser(name) {
      const user = shown(name);
      const left = belongings.find((belonging) => idsOf(user, belonging).length > 0);
      if (left)
        throw awsFailure("conflict", "DeleteConflict", `Cannot delete entity, must remove ${left} first.`);
      users.delete(name);
      ghosts.set(name, { user, untilMs: nowMs() + deletionDelayMs() });
      tell("user gone", user);
    },
    tagUser(name, tags) {
      const user = shown(name);
      user.tags = { ...user.tags, ...tags };
    },
    putInlinePolicy(name, policy, document) {
      const user = shown(name);
      user.inline.set(policy, document);
      tell("policy put", user, policy);
    },
    getInlinePolicy(name, policy) {
      const document = shown(name).inline.get(policy);
      if (document === undefined)
        throw awsFailure("absent", "NoSuchEntity", `The user policy with name ${policy} cannot be found.`);
      return document;
    },
    attachPolicy: (name, arn) => void shown(name).attached.add(arn),
    addToGroup: (name, group) => void shown(name).groups.add(group),
    createAccessKey(name, isLate) {
      const user = shown(name);
      if (user.keys.size >= keysMax)
        throw awsFailure("refused", "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2");
      const id = `AKIAMODEL${String(++keysMade).padStart(11, "0")}`;
      const delayMs = creationDelayMs();
      const isHidden = isLate || delayMs > atOnceMs;
      const key: AwsKey = { id, secret: `secret-of-${id}`, visibleAtMs: nowMs() + delayMs, isHidden };
      user.keys.set(id, key);
      tell("key made", user, id);
      return { id, secret: key.secret };
    },
    list(name, belonging) {
      const user = shown(name);
      if (belonging !== "accessKey") return idsOf(user, belonging);
      const visible = [...user.keys.values()].filter(({ visibleAtMs }) => visibleAtMs <= nowMs());
      const gone = (ghostKeys.get(name) ?? []).filter(({ untilMs }) => untilMs > nowMs());
      return [...visible, ...gone].map(({ id }) => id);
    },
    remove(name, belonging, id) {
      const user = shown(name);
      const key = belonging === "accessKey" ? user.keys.get(id) : undefined;
      if (key && key.visibleAtMs <= nowMs()) {
        user.keys.delete(id);
        ghostKeys.set(name, [...(ghostKeys.get(name) ?? []), { id, untilMs: nowMs() + deletionDelayMs() }]);
        tell("key gone", user, id);
      } else if (belonging !== "accessKey" && removeFrom(user, belonging, id)) {
        tell("permission gone", user, belonging);
      } else {
        throw awsFailure("absent", "NoSuchEntity", `There is no ${belonging} ${id}.`);
      }
    },
  };
  return account;
}
