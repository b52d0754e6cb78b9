import { awsError } from "./aws-error.ts";
import { awsManagedPolicies } from "./aws-managed-policies.ts";
import { Directory } from "./directory.ts";
import type {
  AccessKey,
  Group,
  ManagedPolicy,
  MfaDevice,
  PolicyHolder,
  Role,
  Session,
  User,
} from "./entities.ts";
import type { PolicySet } from "./policy/evaluate.ts";
import type { PolicyDocument } from "./policy/policy-document.ts";
import type { Quotas } from "./quotas.ts";

/** Sessions are swept when this many more were added since the last sweep, so that dead ones do not pile up. */
const sessionsPerSweep = 1000;

/** A deleted key that AWS's edge still knows: it works as it did, for a while. */
export interface LingeringKey {
  readonly key: AccessKey;
  readonly user: User;
  readonly policies: PolicySet;
  readonly goneAtMs: number;
}

/** The parts of an AWS account that IAM and STS know, with the indexes that keep every hot call off a scan. */
export class Account {
  readonly id: string;
  readonly nowMs: () => number;
  readonly quotas: Quotas;
  readonly users: Directory<User>;
  readonly groups: Directory<Group>;
  readonly roles: Directory<Role>;
  readonly policies = new Map<string, ManagedPolicy>();
  readonly mfaDevices = new Map<string, MfaDevice>();
  readonly sessions = new Map<string, Session>();
  readonly lingeringKeys = new Map<string, LingeringKey>();
  readonly #usersById = new Map<string, User>();
  readonly #rolesById = new Map<string, Role>();
  readonly #keyOwners = new Map<string, User>();
  #sessionsAtSweep = 0;

  constructor(options: { id: string; nowMs: () => number; quotas: Quotas }) {
    this.id = options.id;
    this.nowMs = options.nowMs;
    this.quotas = options.quotas;
    this.users = new Directory<User>("user", options.nowMs);
    this.groups = new Directory<Group>("group", options.nowMs);
    this.roles = new Directory<Role>("role", options.nowMs);
    for (const policy of awsManagedPolicies()) this.policies.set(policy.arn, policy);
  }

  /** The ARN of a user, group, role or policy of this account. */
  arn(kind: "user" | "group" | "role" | "policy" | "mfa", path: string, name: string): string {
    return `arn:aws:iam::${this.id}:${kind}${path}${name}`;
  }

  /** Adds a user with all its keys and attachments to the indexes. */
  addUser(user: User): void {
    this.users.add(user);
    this.#usersById.set(user.id, user);
    for (const key of user.accessKeys.values()) this.#keyOwners.set(key.id, user);
    this.#countAttachments(user, 1);
    if (user.boundaryArn !== undefined) this.countBoundary(user.boundaryArn, 1);
  }

  /** Removes a user, whose keys and policies are gone already; readers may see it until `goneAtMs`. */
  removeUser(user: User, goneAtMs: number): void {
    this.users.remove(user, goneAtMs);
    this.#usersById.delete(user.id);
    if (user.boundaryArn !== undefined) this.countBoundary(user.boundaryArn, -1);
  }

  /** Gives a user another name, under which it keeps its id, keys and memberships. */
  renameUser(user: User, name: string): void {
    this.users.remove(user);
    user.name = name;
    this.users.add(user);
  }

  /** Adds a role. */
  addRole(role: Role): void {
    this.roles.add(role);
    this.#rolesById.set(role.id, role);
    this.#countAttachments(role, 1);
    if (role.boundaryArn !== undefined) this.countBoundary(role.boundaryArn, 1);
  }

  /** Removes a role, whose policies are gone already. */
  removeRole(role: Role, goneAtMs: number): void {
    this.roles.remove(role, goneAtMs);
    this.#rolesById.delete(role.id);
    if (role.boundaryArn !== undefined) this.countBoundary(role.boundaryArn, -1);
  }

  /** Adds a group. */
  addGroup(group: Group): void {
    this.groups.add(group);
    this.#countAttachments(group, 1);
  }

  /** The user of an id, visible or not. */
  userById(id: string): User | undefined {
    return this.#usersById.get(id);
  }

  /** The role of an id, visible or not. */
  roleById(id: string): Role | undefined {
    return this.#rolesById.get(id);
  }

  /** The user an access key id belongs to. */
  keyOwner(accessKeyId: string): User | undefined {
    return this.#keyOwners.get(accessKeyId);
  }

  /** Adds an access key to a user. */
  addKey(user: User, key: AccessKey): void {
    user.accessKeys.set(key.id, key);
    this.#keyOwners.set(key.id, user);
  }

  /** Removes an access key, which goes on working until `goneAtMs`. */
  removeKey(user: User, key: AccessKey, goneAtMs: number): void {
    user.accessKeys.delete(key.id);
    this.#keyOwners.delete(key.id);
    for (const [id, lingering] of this.lingeringKeys) {
      if (lingering.goneAtMs <= this.nowMs()) this.lingeringKeys.delete(id);
    }
    if (goneAtMs <= this.nowMs()) return;
    this.lingeringKeys.set(key.id, { key, user: { ...user }, policies: this.policiesOf(user), goneAtMs });
  }

  /** Adds a session. */
  addSession(session: Session): void {
    if (this.sessions.size - this.#sessionsAtSweep >= sessionsPerSweep) {
      for (const [id, { expiresAtMs }] of this.sessions) {
        // A day late, so that a caller learns "expired" and not "unknown" for as long as anyone may ask.
        if (expiresAtMs + 86_400_000 < this.nowMs()) this.sessions.delete(id);
      }
      this.#sessionsAtSweep = this.sessions.size;
    }
    this.sessions.set(session.accessKeyId, session);
  }

  /** Finds a managed policy by ARN; undefined when there is none or it is not visible yet. */
  findPolicy(arn: string): ManagedPolicy | undefined {
    const found = this.policies.get(arn);
    return found !== undefined && found.visibleAtMs <= this.nowMs() ? found : undefined;
  }

  /**
   * Gets a managed policy by ARN.
   *
   * @throws AwsError `NoSuchEntity` when there is none.
   */
  policy(arn: string): ManagedPolicy {
    const found = this.findPolicy(arn);
    if (found === undefined) throw awsError("NoSuchEntity", `Policy ${arn} was not found.`);
    return found;
  }

  /** Counts an identity that has a policy as its boundary, or no longer has. */
  countBoundary(arn: string, change: 1 | -1): void {
    const policy = this.policies.get(arn);
    if (policy !== undefined) policy.boundaryCount += change;
  }

  /** Everything that bears on what a user or role may do, before any session policy. */
  policiesOf(holder: User | Role): PolicySet {
    const identity: PolicyDocument[] = [];
    this.#collect(holder, identity);
    if ("groups" in holder) {
      for (const name of holder.groups) {
        const group = this.groups.find(name);
        if (group !== undefined) this.#collect(group, identity);
      }
    }
    const boundary = holder.boundaryArn === undefined ? undefined : this.policies.get(holder.boundaryArn);
    return { identity, boundary: boundary?.policy.document, session: undefined };
  }

  #collect(holder: PolicyHolder, into: PolicyDocument[]): void {
    for (const policy of holder.inlinePolicies.values()) into.push(policy.document);
    for (const arn of holder.attachedPolicies) {
      const managed = this.policies.get(arn);
      if (managed !== undefined) into.push(managed.policy.document);
    }
  }

  #countAttachments(holder: PolicyHolder, change: 1 | -1): void {
    for (const arn of holder.attachedPolicies) {
      const policy = this.policies.get(arn);
      if (policy !== undefined) policy.attachmentCount += change;
    }
  }
}
