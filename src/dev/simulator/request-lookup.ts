import type { CallContext, Target } from "./action.ts";
import type { Tags } from "./entities.ts";
import type { KeyLookup } from "./policy/pattern.ts";
import { isoTime } from "./xml.ts";

function one(value: string | undefined): string[] | undefined {
  return value === undefined ? undefined : [value];
}

function tagValue(tags: Tags | undefined, key: string): string[] | undefined {
  return one(tags?.get(key)?.value);
}

function seconds(timeMs: number): string {
  return String(Math.floor(timeMs / 1000));
}

function tagKeysOf(target: Target): string[] | undefined {
  const keys = [
    ...(target.tagKeys ?? []),
    ...Array.from(target.requestTags?.values() ?? [], ({ key }) => key),
  ];
  return keys.length === 0 ? undefined : keys;
}

const globalKeys: Record<string, (context: CallContext, target: Target) => string[] | undefined> = {
  "aws:currenttime": ({ nowMs }) => [new Date(nowMs).toISOString()],
  "aws:epochtime": ({ nowMs }) => [seconds(nowMs)],
  "aws:username": ({ caller }) => one(caller.user?.name),
  "aws:userid": ({ caller }) => [caller.userId],
  "aws:principalarn": ({ caller }) => [caller.policyArn],
  "aws:principalaccount": ({ account }) => [account.id],
  "aws:principaltype": ({ caller }) => [
    {
      user: "User",
      "session-token": "User",
      "assumed-role": "AssumedRole",
      "federated-user": "FederatedUser",
    }[caller.kind],
  ],
  "aws:resourceaccount": ({ account }) => [account.id],
  "aws:sourceip": ({ sourceIp }) => [sourceIp],
  // AWS's own endpoints for IAM and STS speak TLS alone, and this one stands in for them.
  "aws:securetransport": () => ["true"],
  "aws:tokenissuetime": ({ caller }) =>
    one(caller.tokenIssuedAtMs === undefined ? undefined : isoTime(caller.tokenIssuedAtMs)),
  // Only temporary credentials carry the key at all: a long-lived one is neither with nor without MFA.
  "aws:multifactorauthpresent": ({ caller }) =>
    one(caller.kind === "user" ? undefined : String(caller.hasMfa)),
  "aws:tagkeys": (_, target) => tagKeysOf(target),
};

/**
 * Answers what the request holds for a condition key or policy variable. Values are worked out when they are asked
 * for: most policies ask for none.
 *
 * Source: IAM User Guide, "AWS global condition context keys".
 */
export function requestLookup(context: CallContext, target: Target): KeyLookup {
  return (key) => {
    // Keys of the action come first: AssumeRole proves MFA within the very call.
    const { keys } = target;
    if (keys !== undefined && Object.hasOwn(keys, key)) return one(keys[key]);
    const global = Object.hasOwn(globalKeys, key) ? globalKeys[key] : undefined;
    if (global !== undefined) return global(context, target);
    const slash = key.indexOf("/");
    if (slash > 0) {
      const tag = key.slice(slash + 1);
      const family = key.slice(0, slash);
      if (family === "aws:principaltag") return tagValue(context.caller.tags, tag);
      if (family === "aws:requesttag") return tagValue(target.requestTags, tag);
      if (family === "aws:resourcetag" || family === "iam:resourcetag") return tagValue(target.tags, tag);
    }
    return undefined;
  };
}
