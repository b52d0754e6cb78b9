import { expect, test } from "vitest";
import type { SecretType } from "../../src/core/backend.ts";
import type { JsonObject } from "../../src/core/json.ts";
import { packedType } from "../../src/core/packed-type.ts";

const signal = new AbortController().signal;
const ids = { leaseUuid: "uuid", leaseId: "m/creds/uuid", accessor: "m_1", role: "" };
const creating = { input: "in", ids, issuedAtMs: 0, expiresAtMs: 1, signal };
const renewing = { expiresAtMs: 1, ttlMs: 1, signal };

/** A secret type that writes down each handle it is given, and names what it makes by `user`. */
function typeWith(seen: JsonObject[]): SecretType {
  const see = (handle: JsonObject): JsonObject => {
    seen.push(handle);
    return handle;
  };
  const made = (handle: JsonObject) => ({ secret: {}, handle: { ...see(handle), key: "k" } });
  return {
    name: "thing",
    packing: {
      pack: ({ user, ...rest }) => ({ u: user ?? "", ...rest }),
      unpack: ({ u, ...rest }) => ({ user: u ?? "", ...rest }),
    },
    plan: () => ({ user: "ada" }),
    create: async (handle) => made(handle),
    renew: async (handle) => see(handle),
    planReissue: (handle) => see(handle),
    reissue: async (handle) => made(handle),
    leftBehind: (handle) => [String(see(handle)["user"])],
    disarm: async (handle) => void see(handle),
    destroy: (handle, { checkpoint }) => checkpoint({ ...see(handle), sent: 1 }),
  };
}

test("A secret type with a packing gives handles packed, and is given them as they were", async () => {
  const seen: JsonObject[] = [];
  const checkpoints: JsonObject[] = [];
  const type = packedType(typeWith(seen));
  const stored = type.plan("in", ids);
  expect(stored).toEqual({ u: "ada" });
  expect((await type.create(stored, creating)).handle).toEqual({ u: "ada", key: "k" });
  expect(await type.renew?.(stored, renewing)).toEqual(stored);
  expect(type.planReissue?.(stored)).toEqual(stored);
  expect((await type.reissue?.(stored, { signal }))?.handle).toEqual({ u: "ada", key: "k" });
  expect(type.leftBehind?.(stored, { isDisarmed: false })).toEqual(["ada"]);
  await type.disarm?.(stored, { signal });
  await type.destroy(stored, {
    ...{ disarmed: Promise.resolve(), signal, nowMs: 0, createsEndedAtMs: 0 },
    checkpoint: async (handle) => void checkpoints.push(handle),
  });
  expect(checkpoints).toEqual([{ u: "ada", sent: 1 }]);
  expect(seen).toEqual(Array.from({ length: 7 }, () => ({ user: "ada" })));
});

test("A secret type with a packing can do no more than it could without", () => {
  const { name, packing, plan, create, destroy } = typeWith([]);
  const type = packedType({ name, ...(packing && { packing }), plan, create, destroy });
  expect(Object.keys(type).sort()).toEqual(["create", "destroy", "name", "plan"]);
});

test("A secret type without a packing stays as it is", () => {
  const { packing: _, ...type } = typeWith([]);
  expect(packedType(type)).toBe(type);
});
