import type { JsonObject } from "../../../core/json.ts";
import { definePath, type PathDefinition, type PathReply } from "../../../core/path.ts";
import type { RotationOutcome } from "../rotation/rotate-key.ts";
import type { RootRotation } from "./root-rotation.ts";

/** The path that rotates the root key. */
export function rotateRootPath(rotation: RootRotation): PathDefinition {
  return definePath({
    pattern: "config/rotate-root",
    summary: "Rotates the root key.",
    description:
      "Makes a second access key for the root key's user, waits until AWS knows it, works with it from then on, and deletes the first. " +
      "The new key is stored sealed, and never told. Where a server dies in between, another goes on or takes the new key back. " +
      "A rotation_period in config/root has it done by itself.",
    params: {},
    fields: {},
    operations: {
      write: {
        summary: "Rotates the root key now, and answers the id of the new one.",
        handle: async ({ signal, mountPath }) => replyOf(await rotation.rotate({ signal, mountPath })),
      },
    },
  });
}

function replyOf({ state, key, failure }: RotationOutcome): PathReply {
  const { current, rotation } = key ?? {};
  const pending = rotation?.pending?.id;
  if (state === "checking") {
    return {
      data: answer(pending),
      warnings: [
        `The new root key ${pending} is stored, and AWS does not know it everywhere yet. ${current?.id} stays in use until it does; the rotation then finishes by itself.`,
      ],
    };
  }
  const warnings =
    failure === undefined
      ? []
      : [`The new root key is in use. The old one still lives, and is deleted by itself: ${failure.message}`];
  return { data: answer(current?.id), warnings };
}

function answer(id: string | undefined): JsonObject {
  return id === undefined ? {} : { access_key: id };
}
