import type { JsonObject } from "../json.ts";
import type { Operates } from "../operate.ts";
import type { AclAnswer } from "./acl.ts";
import type { Capability } from "./policy.ts";
import type { PolicyBook } from "./policy-book.ts";

/** Inputs and outputs of the operations on policies. */
export interface PolicyOperations {
  readonly writePolicy: {
    readonly input: { readonly name: string; readonly policy: string };
    readonly output: Record<never, never>;
  };
  readonly readPolicy: {
    readonly input: { readonly name: string };
    readonly output: { readonly policy: string };
  };
  readonly listPolicies: {
    readonly input: Record<never, never>;
    readonly output: { readonly names: readonly string[] };
  };
  readonly deletePolicy: {
    readonly input: { readonly name: string };
    readonly output: Record<never, never>;
  };
  /** Says what a token with these policies could do, and which rule decides. */
  readonly testPolicy: {
    readonly input: {
      readonly names: readonly string[];
      readonly path: string;
      readonly capability: Exclude<Capability, "deny">;
      readonly parameters: JsonObject | undefined;
    };
    readonly output: AclAnswer;
  };
}

/** Makes the operations on policies. */
export function policyOperations({
  policies,
}: {
  readonly policies: PolicyBook;
}): Operates<keyof PolicyOperations> {
  return {
    async writePolicy({ name, policy }) {
      await policies.write(name, policy);
      return {};
    },
    readPolicy: async ({ name }) => ({ policy: await policies.read(name) }),
    listPolicies: async () => ({ names: await policies.list() }),
    async deletePolicy({ name }) {
      await policies.delete(name);
      return {};
    },
    async testPolicy({ names, path, capability, parameters }) {
      // One that is not there would count for nothing, and a slip of the name would look like a denial.
      await Promise.all(names.filter((name) => name !== "root").map((name) => policies.read(name)));
      const acl = await policies.aclOf(names);
      return acl.decide({ path, capability, ...(parameters && { parameters }) });
    },
  };
}
