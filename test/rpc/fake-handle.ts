import type {
  Handle,
  LeaseView,
  MountView,
  OperationName,
  Operations,
  RequestContext,
} from "../../src/core/requests.ts";

/** What a fake handle does for each operation; one that is missing throws. */
export type Answers = {
  [Name in OperationName]?: (
    input: Operations[Name]["input"],
    context: RequestContext,
  ) => Promise<Operations[Name]["output"]> | Operations[Name]["output"];
};

/** One request as a fake handle got it. */
export interface Asked {
  readonly operation: OperationName;
  readonly input: unknown;
  readonly context: RequestContext;
}

/** A `Handle` whose answers can be exchanged, and that remembers what it was asked. */
export function fakeHandle(answers: Answers = {}) {
  const asked: Asked[] = [];
  const fake = { answers, asked, handle: undefined as unknown as Handle };
  fake.handle = async (operation, input, context) => {
    asked.push({ operation, input, context });
    const answer = fake.answers[operation];
    if (answer === undefined) throw new Error(`The fake does not answer "${operation}".`);
    return answer(input, context);
  };
  return fake;
}

/** A fake handle. */
export type FakeHandle = ReturnType<typeof fakeHandle>;

/** A lease with a date that every field has a value of its own in. */
export const lease: LeaseView = {
  id: "aws/creds/deploy/0d042c53-aa8a-4ce7-9dfd-310351c465e5",
  path: "aws/creds/deploy",
  role: "deploy",
  accessor: "aws_1",
  caller: "root",
  secretType: "iam_user",
  issuedAtMs: Date.UTC(2026, 7, 22, 10, 0, 0, 250),
  ttlMs: 3_600_000,
  maxExpiresAtMs: Date.UTC(2026, 7, 23, 10),
  state: "active",
  expiresAtMs: Date.UTC(2026, 7, 22, 11),
  disarmedAtMs: undefined,
  attempts: 2,
  lastError: "throttled",
  isRenewable: true,
  handle: { user: "not-for-callers" },
  ttlLeftMs: 1_500,
};

/** A mount. */
export const mount: MountView = {
  path: "aws",
  type: "aws",
  accessor: "aws_1",
  description: "production",
  tuning: { defaultTtlMs: 90_500 },
  state: "mounted",
  createdAtMs: Date.UTC(2026, 7, 22, 9),
};
