import type { Created, SecretType } from "./backend.ts";
import type { JsonObject } from "./json.ts";

/** The same secret type with its handles packed: all that it is given and gives is as it is stored. */
export function packedType(type: SecretType): SecretType {
  const { packing } = type;
  if (packing === undefined) return type;
  const { pack, unpack } = packing;
  const packed = (created: Created<JsonObject>): Created<JsonObject> => ({
    ...created,
    handle: pack(created.handle),
  });
  const { renew, planReissue, reissue, leftBehind, disarm } = type;
  return {
    name: type.name,
    plan: (input, ids) => pack(type.plan(input, ids)),
    create: async (stored, context) => packed(await type.create(unpack(stored), context)),
    destroy: (stored, context) =>
      type.destroy(unpack(stored), {
        ...context,
        checkpoint: (handle) => context.checkpoint(pack(handle)),
      }),
    ...(renew && {
      async renew(stored, context) {
        const handle = await renew(unpack(stored), context);
        return handle && pack(handle);
      },
    }),
    ...(planReissue && { planReissue: (stored) => pack(planReissue(unpack(stored))) }),
    ...(reissue && {
      reissue: async (stored, context) => packed(await reissue(unpack(stored), context)),
    }),
    ...(leftBehind && { leftBehind: (stored, context) => leftBehind(unpack(stored), context) }),
    ...(disarm && { disarm: (stored, context) => disarm(unpack(stored), context) }),
  };
}
