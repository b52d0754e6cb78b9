import { isAwsFailure } from "./aws-failure.ts";
import { type Belonging, belongings, type Iam } from "./iam.ts";
import { wave } from "./wave.ts";

/** One thing that a user has. */
export interface UserBelonging {
  readonly belonging: Belonging;
  readonly id: string;
}

interface OnUser {
  readonly iam: Iam;
  readonly user: string;
  readonly signal: AbortSignal;
}

/** Takes belongings off a user, all at once. What is not there any more is fine: DeleteUser refuses if it was only not seen. */
export async function removeBelongings(things: readonly UserBelonging[], on: OnUser): Promise<void> {
  const { iam, user, signal } = on;
  await wave(
    things.map(async (thing) => {
      try {
        await iam.remove({ user, ...thing, signal });
      } catch (error) {
        if (!isAwsFailure(error, "absent")) throw error;
      }
    }),
  );
}

/** Lists the access keys of a user, and deletes them. */
export async function sweepKeys(on: OnUser): Promise<void> {
  const { iam, user, signal } = on;
  const ids = await iam.list({ user, belonging: "accessKey", signal });
  await removeBelongings(
    ids.map((id) => ({ belonging: "accessKey", id })),
    on,
  );
}

/** Lists everything that a user has, and takes it off: the access keys first, and the rest once they are gone. */
export async function sweepUser(on: OnUser): Promise<void> {
  const { iam, user, signal } = on;
  const lists = await wave(
    belongings.map(async (belonging) => {
      const ids = await iam.list({ user, belonging, signal });
      return ids.map((id) => ({ belonging, id }));
    }),
  );
  const things = lists.flat();
  await removeBelongings(
    things.filter(({ belonging }) => belonging === "accessKey"),
    on,
  );
  await removeBelongings(
    things.filter(({ belonging }) => belonging !== "accessKey"),
    on,
  );
}
