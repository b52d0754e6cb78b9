import {
  type Action,
  type Call,
  type CallContext,
  defineAction,
  type Target,
  userTarget,
} from "../action.ts";
import type { PolicyHolder } from "../entities.ts";
import { arn, entityName, type Field, pageFields, pathPrefix, policyText } from "../fields.ts";
import { page } from "../page.ts";
import {
  attachedPolicies,
  attachPolicy,
  deleteInlinePolicy,
  detachPolicy,
  encodedDocument,
  inlinePolicy,
  putInlinePolicy,
} from "../policy-holding.ts";
import { groupTarget } from "./groups.ts";
import { roleTarget } from "./roles.ts";

/** What differs between the policies of a user, a group and a role. */
interface Holding {
  readonly word: "User" | "Group" | "Role";
  readonly kind: "user" | "group" | "role";
  readonly nameCharsMax: number;
  readonly get: (context: CallContext, name: string) => PolicyHolder;
  readonly target: (context: CallContext, name: string) => Target;
  readonly inlineCharsMax: (context: CallContext) => number;
}

function holderName({ word, nameCharsMax }: Holding): Field<string> {
  return { read: (parameters) => entityName(nameCharsMax).read(parameters, `${word}Name`) };
}

function inlineActions(holding: Holding): Action[] {
  const { word, kind } = holding;
  const holder = holderName(holding);
  const named = { holder, PolicyName: entityName(128) };
  const target = (call: Call<{ holder: Field<string> }>) => holding.target(call, call.input.holder);
  return [
    defineAction({
      service: "iam",
      name: `Put${word}Policy`,
      fields: { ...named, PolicyDocument: policyText },
      target,
      run: (call) => {
        const policy = { name: call.input.PolicyName, text: call.input.PolicyDocument };
        putInlinePolicy(holding.get(call, call.input.holder), kind, policy, holding.inlineCharsMax(call));
        return undefined;
      },
    }),
    defineAction({
      service: "iam",
      name: `Get${word}Policy`,
      fields: named,
      target,
      run: (call) => {
        const found = holding.get(call, call.input.holder);
        return {
          [`${word}Name`]: found.name,
          PolicyName: call.input.PolicyName,
          PolicyDocument: encodedDocument(inlinePolicy(found, kind, call.input.PolicyName).text),
        };
      },
    }),
    defineAction({
      service: "iam",
      name: `Delete${word}Policy`,
      fields: named,
      target,
      run: (call) => {
        deleteInlinePolicy(holding.get(call, call.input.holder), kind, call.input.PolicyName);
        return undefined;
      },
    }),
    defineAction({
      service: "iam",
      name: `List${word}Policies`,
      fields: { holder, ...pageFields },
      target,
      run: (call) =>
        page({
          field: "PolicyNames",
          entries: holding.get(call, call.input.holder).inlinePolicies.keys(),
          keyOf: (name) => name,
          show: (name) => name,
          input: call.input,
        }),
    }),
  ];
}

function attachmentActions(holding: Holding): Action[] {
  const { word, kind } = holding;
  const holder = holderName(holding);
  const fields = { holder, PolicyArn: arn };
  const target = (call: Call<typeof fields>) => ({
    ...holding.target(call, call.input.holder),
    keys: { "iam:policyarn": call.input.PolicyArn },
  });
  return [
    defineAction({
      service: "iam",
      name: `Attach${word}Policy`,
      fields,
      target,
      run: (call) => {
        attachPolicy(call.account, holding.get(call, call.input.holder), kind, call.input.PolicyArn);
        return undefined;
      },
    }),
    defineAction({
      service: "iam",
      name: `Detach${word}Policy`,
      fields,
      target,
      run: (call) => {
        detachPolicy(call.account, holding.get(call, call.input.holder), call.input.PolicyArn);
        return undefined;
      },
    }),
    defineAction({
      service: "iam",
      name: `ListAttached${word}Policies`,
      fields: { holder, PathPrefix: pathPrefix, ...pageFields },
      target: (call) => holding.target(call, call.input.holder),
      run: (call) =>
        page({
          field: "AttachedPolicies",
          entries: attachedPolicies(
            call.account,
            holding.get(call, call.input.holder),
            call.input.PathPrefix,
          ),
          keyOf: (policy) => policy.arn,
          show: (policy) => ({ PolicyName: policy.name, PolicyArn: policy.arn }),
          input: call.input,
        }),
    }),
  ];
}

const holdings: Holding[] = [
  {
    word: "User",
    kind: "user",
    nameCharsMax: 64,
    get: ({ account }, name) => account.users.get(name),
    target: userTarget,
    inlineCharsMax: ({ account }) => account.quotas.userInlineChars,
  },
  {
    word: "Group",
    kind: "group",
    nameCharsMax: 128,
    get: ({ account }, name) => account.groups.get(name),
    target: groupTarget,
    inlineCharsMax: ({ account }) => account.quotas.groupInlineChars,
  },
  {
    word: "Role",
    kind: "role",
    nameCharsMax: 64,
    get: ({ account }, name) => account.roles.get(name),
    target: roleTarget,
    inlineCharsMax: ({ account }) => account.quotas.roleInlineChars,
  },
];

/** The actions on the policies of users, groups and roles, inline and attached: seven of each. */
export const holderPolicyActions = holdings.flatMap((holding) => [
  ...inlineActions(holding),
  ...attachmentActions(holding),
]);
