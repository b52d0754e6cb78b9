import {
  AttachGroupPolicyCommand,
  CreateGroupCommand,
  CreateRoleCommand,
  IAMClient,
  PutGroupPolicyCommand,
  PutRolePolicyCommand,
} from "@aws-sdk/client-iam";
import { type Simulator, tutorialKey } from "../../../../src/dev/simulator/simulator.ts";

const policyText = (Statement: object[]) => JSON.stringify({ Version: "2012-10-17", Statement });

/** The account of a simulator, as its administrator sets it up for sessions. */
export class SimulatedAccount {
  readonly #admin: IAMClient;
  readonly #simulator: Simulator;

  constructor(simulator: Simulator) {
    this.#simulator = simulator;
    const credentials = tutorialKey;
    this.#admin = new IAMClient({
      region: "us-east-1",
      endpoint: simulator.url,
      credentials,
      maxAttempts: 1,
    });
  }

  /** Makes a role that the account may assume, and that may do what `actions` says; answers its ARN. */
  async createRole(
    name: string,
    options: {
      readonly actions?: string[];
      readonly externalId?: string;
      readonly tagsToo?: boolean;
      readonly path?: string;
    },
  ): Promise<string> {
    const { actions = ["iam:*", "ec2:*"], externalId, tagsToo = false, path = "/" } = options;
    const id = this.#simulator.account.id;
    const trust = {
      Effect: "Allow",
      Principal: { AWS: `arn:aws:iam::${id}:root` },
      Action: ["sts:AssumeRole", ...(tagsToo ? ["sts:TagSession"] : [])],
      ...(externalId === undefined ? {} : { Condition: { StringEquals: { "sts:ExternalId": externalId } } }),
    };
    const AssumeRolePolicyDocument = policyText([trust]);
    await this.#admin.send(new CreateRoleCommand({ RoleName: name, Path: path, AssumeRolePolicyDocument }));
    const PolicyDocument = policyText([{ Effect: "Allow", Action: actions, Resource: "*" }]);
    await this.#admin.send(new PutRolePolicyCommand({ RoleName: name, PolicyName: "allow", PolicyDocument }));
    return `arn:aws:iam::${id}:role${path}${name}`;
  }

  /** Makes a group with inline policies, each of one action of EC2, and attached ones. */
  async createGroup(
    name: string,
    { inline, attached }: { readonly inline: number; readonly attached: readonly string[] },
  ): Promise<void> {
    const group = { GroupName: name };
    await this.#admin.send(new CreateGroupCommand(group));
    for (let at = 0; at < inline; at++) {
      const statement = { Sid: "Own", Effect: "Allow", Action: `ec2:Action${at}`, Resource: "*" };
      const policy = { PolicyName: `p${at}`, PolicyDocument: policyText([statement]) };
      await this.#admin.send(new PutGroupPolicyCommand({ ...group, ...policy }));
    }
    for (const PolicyArn of attached)
      await this.#admin.send(new AttachGroupPolicyCommand({ ...group, PolicyArn }));
  }

  close(): void {
    this.#admin.destroy();
  }
}
