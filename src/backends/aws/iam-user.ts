import { type DefinedSecretType, defineSecretType } from "../../core/backend.ts";
import { createUser } from "./create-user.ts";
import { destroyUser } from "./destroy-user.ts";
import { disarmUser } from "./disarm-user.ts";
import { userLeftBehind } from "./left-behind.ts";
import { planReissueKey, reissueKey } from "./reissue-key.ts";
import { renewUser } from "./renew-user.ts";
import type { RootAccess } from "./root-access.ts";
import { planUser, type UserHandle, type UserInput } from "./user-handle.ts";

/** The secret type of leased IAM users: an access key, and the user that it belongs to. */
export function iamUserType(options: {
  readonly accessor: string;
  readonly access: RootAccess;
  readonly consistencyMs: number;
}): DefinedSecretType<UserInput> {
  const { accessor, access, consistencyMs } = options;
  return defineSecretType<UserInput, UserHandle>({
    name: "iam_user",
    plan: planUser,
    create: (handle, context) => createUser(handle, { ...context, accessor }),
    renew: async (handle, context) => {
      await renewUser(handle, { ...context, root: await access.open() });
      return undefined;
    },
    planReissue: planReissueKey,
    reissue: async (handle, context) => reissueKey(handle, { ...context, root: await access.open() }),
    leftBehind: userLeftBehind,
    disarm: (handle, context) => disarmUser(handle, { ...context, access }),
    destroy: (handle, context) => destroyUser(handle, { ...context, access, consistencyMs }),
  });
}
