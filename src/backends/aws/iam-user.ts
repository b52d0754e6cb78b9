import { type DefinedSecretType, defineSecretType } from "../../core/backend.ts";
import { createUser } from "./create-user.ts";
import { destroyUser } from "./destroy-user.ts";
import { disarmUser } from "./disarm-user.ts";
import { userLeftBehind } from "./left-behind.ts";
import { planReissueKey, reissueKey } from "./reissue-key.ts";
import { renewUser } from "./renew-user.ts";
import type { RootAccess } from "./root-access.ts";
import { packHandle, unpackHandle } from "./stored-handle.ts";
import { planUser, type UserHandle, type UserInput } from "./user-handle.ts";

/** Name of the secret type, which is stored with every lease. */
export const iamUserTypeName = "iam_user";

/** The secret type of leased IAM users: an access key, and the user that it belongs to. */
export function iamUserType(options: {
  readonly accessor: string;
  readonly access: RootAccess;
  readonly consistencyMs: number;
}): DefinedSecretType<UserInput> {
  const { accessor, access, consistencyMs } = options;
  return defineSecretType<UserInput, UserHandle>({
    name: iamUserTypeName,
    packing: { pack: packHandle, unpack: unpackHandle },
    plan: planUser,
    create: (handle, context) => createUser(handle, { ...context, accessor }),
    renew: (handle, context) => renewUser(handle, { ...context, access }),
    planReissue: planReissueKey,
    reissue: async (handle, context) => reissueKey(handle, { ...context, root: await access.open() }),
    leftBehind: userLeftBehind,
    disarm: (handle, context) => disarmUser(handle, { ...context, access }),
    destroy: (handle, context) => destroyUser(handle, { ...context, access, consistencyMs }),
  });
}
