import { bareRole, type Role, writeRole } from "../../../src/backends/aws/role.ts";
import type { SecretWorld } from "../../conformance/secret-scene.ts";
import { secretTypeConformance } from "../../conformance/secret-type.ts";
import { secretReissueConformance } from "../../conformance/secret-type-reissue.ts";
import { awsFailure } from "../../kit/fake-iam.ts";
import { mountAws, rootKey, tutorialPolicy } from "./mounted-aws.ts";

const consistencyMs = 300_000;
const account = "111122223333";
const accessKey = rootKey.access_key;

const documentRole: Role = {
  ...bareRole,
  document: tutorialPolicy,
  tags: { team: "blue", of: "{{caller.name}}" },
};

function worldOf(
  role: Role,
  knobs: { readonly visibleAfterMs?: number; readonly goneAfterMs?: number } = {},
) {
  return async (): Promise<SecretWorld> => {
    const aws = mountAws({ consistencyMs });
    const { iam, clock, userType, storage } = aws;
    await storage.put("config/root", { accessKey, secretKey: rootKey.secret_key, account });
    await writeRole(storage, "deploy", role);
    const { input } = await aws.issueOf("deploy");
    Object.assign(iam.knobs, knobs);
    let since = 0;
    const failAt = (fault: (call: number) => ReturnType<typeof iam.knobs.fault>) => {
      iam.knobs.fault = ({ number }) => fault(number - since);
    };
    return {
      type: userType,
      input,
      ids: {
        leaseUuid: "0d042c53-aa8a-4ce7-9dfd-310351c465e5",
        leaseId: "aws/creds/deploy/0d042c53-aa8a-4ce7-9dfd-310351c465e5",
        accessor: "aws_4f1c2d3e",
        role: "deploy",
      },
      nowMs: clock.nowMs,
      advance: clock.advance,
      consistencyMs,
      working: () =>
        [...iam.users.values()].flatMap(({ keys }) =>
          [...keys].map(([access_key, secret_key]) => ({ access_key, secret_key })),
        ),
      isEmpty: () => iam.users.size === 0,
      calls: () => iam.calls.length - since,
      reset() {
        since = iam.calls.length;
        iam.knobs.fault = () => undefined;
      },
      loseReply: (at) => failAt((call) => (call === at ? "lost reply" : undefined)),
      throttle: (at) =>
        failAt((call) => (call === at ? awsFailure("throttled", "Throttling", "Rate exceeded") : undefined)),
      crash: (at) => failAt((call) => (call >= at ? awsFailure("unknown", "Crashed") : undefined)),
    };
  };
}

const attachedRole: Role = {
  ...documentRole,
  policyArns: ["arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws:iam::111122223333:policy/own"],
  groups: ["builders"],
};

secretTypeConformance("iam_user of a role with a document", worldOf(documentRole));
secretTypeConformance("iam_user of a role with policies and groups", worldOf(attachedRole));
secretTypeConformance(
  "iam_user of a role without a dead man's switch",
  worldOf({ ...documentRole, deadMansSwitch: false }),
);
secretTypeConformance(
  "iam_user of a role with groups alone, and without a dead man's switch",
  worldOf({ ...bareRole, groups: ["builders"], deadMansSwitch: false }),
);
secretTypeConformance(
  "iam_user of a role with more policies than a handle holds",
  worldOf({
    ...attachedRole,
    document: undefined,
    policyArns: Array.from(
      { length: 20 },
      (_, at) => `arn:aws:iam::111122223333:policy/${"long".repeat(20)}${at}`,
    ),
  }),
);
secretTypeConformance(
  "iam_user where AWS is slow to show what it made and what it deleted",
  worldOf(attachedRole, { visibleAfterMs: 4000, goneAfterMs: 4000 }),
);
secretReissueConformance("iam_user", worldOf(documentRole));
secretReissueConformance(
  "iam_user where AWS is slow to show what it made and what it deleted",
  worldOf(attachedRole, { visibleAfterMs: 4000, goneAfterMs: 4000 }),
);
