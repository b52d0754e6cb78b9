import type { Account } from "./account.ts";
import { authorize } from "./authorization.ts";
import { awsError } from "./aws-error.ts";
import type { Tags, User } from "./entities.ts";
import type { Fields, Input } from "./fields.ts";
import type { Principal } from "./principal.ts";
import type { QueryParameters } from "./query-parameters.ts";
import type { XmlObject } from "./xml.ts";

/** The services of AWS that the simulator speaks for. */
export type ServiceName = "iam" | "sts" | "ec2";

/** A call whose caller is known, before its parameters are read. */
export interface CallContext {
  readonly account: Account;
  readonly caller: Principal;
  readonly sourceIp: string;
  readonly nowMs: number;
  /** When what this call creates becomes visible; asked once, at the moment of creation. */
  readonly visibleAtMs: () => number;
  /** When what this call deletes is gone for everybody; asked once, at the moment of deletion. */
  readonly goneAtMs: () => number;
}

/** A call with its parameters read and checked. */
export interface Call<F extends Fields> extends CallContext {
  readonly input: Input<F>;
}

/** What a call is about, for the permission check. */
export interface Target {
  readonly arn: string;
  /** The tags of what exists already: `aws:ResourceTag/…` and `iam:ResourceTag/…`. */
  readonly tags?: Tags | undefined;
  /** The tags in the request: `aws:RequestTag/…` and `aws:TagKeys`. */
  readonly requestTags?: Tags | undefined;
  /** Keys of tags that the request names without values: `aws:TagKeys`. */
  readonly tagKeys?: readonly string[] | undefined;
  /** Condition keys of this action alone, by name in lower case. */
  readonly keys?: Readonly<Record<string, string | undefined>>;
}

/** One row of the table of actions. */
export interface ActionDefinition<F extends Fields> {
  readonly service: ServiceName;
  readonly name: string;
  readonly fields: F;
  /** What permission is needed on; undefined where the action needs none. */
  readonly target: (call: Call<F>) => Target | undefined;
  /** Further permissions this call needs on the same target, such as `iam:TagUser`. */
  readonly alsoNeeds?: (call: Call<F>) => readonly string[];
  readonly run: (call: Call<F>) => XmlObject | undefined;
}

/** An action of the table, ready to be called. */
export interface Action {
  readonly service: ServiceName;
  readonly name: string;
  /** Tells whether the action leaves the account as it is. */
  readonly isRead: boolean;
  readonly handle: (context: CallContext, parameters: QueryParameters) => XmlObject | undefined;
}

/**
 * Makes a row of the table callable, in AWS's order: parameters are checked first, permission second, and only
 * then does it matter whether what the call names exists.
 */
export function defineAction<F extends Fields>(definition: ActionDefinition<F>): Action {
  const fields = Object.entries(definition.fields);
  const { service, name } = definition;
  return {
    service,
    name,
    isRead: /^(Describe|List|Simulate|Get(?!FederationToken|SessionToken))/.test(name),
    handle: (context, parameters) => {
      const input: Record<string, unknown> = {};
      for (const [field, { read }] of fields) input[field] = read(parameters, field);
      // The loop above has read every field of F with its own reader, which is what Input<F> says.
      const call: Call<F> = { ...context, input: input as Input<F> };
      const target = definition.target(call);
      if (target !== undefined) {
        authorize(context, `${service}:${name}`, target);
        for (const further of definition.alsoNeeds?.(call) ?? []) authorize(context, further, target);
      }
      return definition.run(call);
    },
  };
}

/** The user a call names. Without a name it is the caller, as IAM has it for a user's own credentials. */
export function userOrCaller(context: CallContext, name: string | undefined): User {
  if (name !== undefined) return context.account.users.get(name);
  if (context.caller.user === undefined) {
    throw awsError("ValidationError", "Must specify userName when calling with non-User credentials");
  }
  return context.caller.user;
}

/** What permission is checked on for a user: its own ARN and tags, or the ARN it would have. */
export function userTarget(context: CallContext, name: string | undefined): Target {
  const { account, caller } = context;
  const user = name === undefined ? caller.user : account.users.find(name);
  if (user !== undefined) return { arn: account.arn("user", user.path, user.name), tags: user.tags };
  return { arn: account.arn("user", "/", name ?? "") };
}
