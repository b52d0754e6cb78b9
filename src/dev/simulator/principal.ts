import type { Account } from "./account.ts";
import type { AccessKey, Session, Tags, User } from "./entities.ts";
import type { PolicySet } from "./policy/evaluate.ts";

/** Who makes a call, once its signature is checked. */
export interface Principal {
  readonly kind: "user" | Session["kind"];
  readonly accessKeyId: string;
  /** The ARN AWS shows in refusals and GetCallerIdentity. */
  readonly arn: string;
  /** What `aws:PrincipalArn` is: for a session of a role, the role. */
  readonly policyArn: string;
  readonly userId: string;
  /** The user behind a long-lived key or a session token; undefined for roles and federated users. */
  readonly user: User | undefined;
  readonly policies: PolicySet;
  readonly tags: Tags;
  readonly tokenIssuedAtMs: number | undefined;
  readonly hasMfa: boolean;
}

/** What an access key id stands for: the secret to check a signature with, and who signs with it. */
export interface Credential {
  readonly accessKeyId: string;
  readonly secret: string;
  /** The token that has to come with each call; undefined for a long-lived key. */
  readonly token: string | undefined;
  readonly expiresAtMs: number | undefined;
  /** The stored long-lived key, on which its last use is recorded. */
  readonly key: AccessKey | undefined;
  readonly principal: () => Principal;
}

function keyCredential(
  account: Account,
  found: { key: AccessKey; user: User; policies?: PolicySet },
): Credential {
  const { key, user } = found;
  return {
    accessKeyId: key.id,
    secret: key.secret,
    token: undefined,
    expiresAtMs: undefined,
    key,
    principal: () => {
      const arn = account.arn("user", user.path, user.name);
      return {
        kind: "user",
        accessKeyId: key.id,
        arn,
        policyArn: arn,
        userId: user.id,
        user,
        policies: found.policies ?? account.policiesOf(user),
        tags: user.tags,
        tokenIssuedAtMs: undefined,
        hasMfa: false,
      };
    },
  };
}

function sessionPolicies(account: Account, session: Session, base: PolicySet): PolicySet {
  const inline = (session.policies ?? []).map((policy) => policy.document);
  const managed = session.policyArns.flatMap((arn) => account.policies.get(arn)?.policy.document ?? []);
  const documents = [...inline, ...managed];
  // A federated user without a session policy may do nothing; a role's session then has all of the role's permissions.
  return documents.length > 0 || session.kind === "federated-user" ? { ...base, session: documents } : base;
}

function rolePrincipal(account: Account, session: Session): Principal | undefined {
  const role = account.roleById(session.ownerId);
  if (role === undefined) return undefined;
  return {
    kind: session.kind,
    accessKeyId: session.accessKeyId,
    arn: `arn:aws:sts::${account.id}:assumed-role/${role.name}/${session.name}`,
    policyArn: account.arn("role", role.path, role.name),
    userId: `${role.id}:${session.name}`,
    user: undefined,
    policies: sessionPolicies(account, session, account.policiesOf(role)),
    tags: new Map([...role.tags, ...session.tags]),
    tokenIssuedAtMs: session.issuedAtMs,
    hasMfa: session.hasMfa,
  };
}

function userSessionPrincipal(account: Account, session: Session): Principal | undefined {
  const user = account.userById(session.ownerId);
  if (user === undefined) return undefined;
  const isFederated = session.kind === "federated-user";
  const arn = isFederated
    ? `arn:aws:sts::${account.id}:federated-user/${session.name}`
    : account.arn("user", user.path, user.name);
  return {
    kind: session.kind,
    accessKeyId: session.accessKeyId,
    arn,
    policyArn: arn,
    userId: isFederated ? `${account.id}:${session.name}` : user.id,
    user: isFederated ? undefined : user,
    policies: sessionPolicies(account, session, account.policiesOf(user)),
    tags: isFederated ? session.tags : user.tags,
    tokenIssuedAtMs: session.issuedAtMs,
    hasMfa: session.hasMfa,
  };
}

function sessionCredential(account: Account, session: Session): Credential | undefined {
  const principal = session.kind === "assumed-role" ? rolePrincipal : userSessionPrincipal;
  const resolved = principal(account, session);
  if (resolved === undefined) return undefined;
  return {
    accessKeyId: session.accessKeyId,
    secret: session.secret,
    token: session.token,
    expiresAtMs: session.expiresAtMs,
    key: undefined,
    principal: () => resolved,
  };
}

/**
 * Finds what an access key id stands for; undefined when it is unknown, deleted, inactive or not yet visible, none
 * of which AWS tells apart.
 */
export function findCredential(account: Account, accessKeyId: string): Credential | undefined {
  const session = account.sessions.get(accessKeyId);
  if (session !== undefined) return sessionCredential(account, session);
  const nowMs = account.nowMs();
  const user = account.keyOwner(accessKeyId);
  const key = user?.accessKeys.get(accessKeyId);
  if (user !== undefined && key !== undefined) {
    const isUsable = key.status === "Active" && key.visibleAtMs <= nowMs;
    return isUsable ? keyCredential(account, { key, user }) : undefined;
  }
  const lingering = account.lingeringKeys.get(accessKeyId);
  return lingering !== undefined && lingering.goneAtMs > nowMs
    ? keyCredential(account, lingering)
    : undefined;
}
