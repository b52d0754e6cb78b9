import {
  type BackendContext,
  type BackendType,
  defineSecretType,
  NothingCreated,
  RetryLater,
} from "../../src/core/backend.ts";
import { CoreError, hasCode } from "../../src/core/errors.ts";
import { durationField, intField, listField, stringField } from "../../src/core/field.ts";
import type { JsonObject } from "../../src/core/json.ts";
import { definePath } from "../../src/core/path.ts";
import type { ScriptedVendor } from "./scripted-vendor.ts";

interface UserHandle extends JsonObject {
  readonly user: string;
  readonly keyId: string;
  /** True once a deletion may have been sent: "no such user" is then believed. */
  readonly isDeleteSent: boolean;
  /** What the vendor was last told in a renewal; 0 where there was none. */
  readonly renewedToMs: number;
}

/** How long the vendor's own end of a secret of `brief/` is away. */
export const briefMs = 30_000;

/** How far ahead of a lease the vendor is told of its end where renewals spare themselves calls by that, in milliseconds. */
export const thriftyReachMs = 20_000;

/**
 * Secrets that are a user with one key; the key is what works. With a reach, the vendor is told of an end so far ahead, and a renewal
 * that stays within it asks nothing of the vendor, as long as what the handle says can be relied on.
 */
function userType(
  vendor: ScriptedVendor,
  { name, reachMs }: { readonly name: string; readonly reachMs: number },
) {
  return defineSecretType<{ readonly role: string }, UserHandle>({
    name,
    plan: (_input, { leaseUuid }) => ({
      user: `user-${leaseUuid}`,
      keyId: "",
      isDeleteSent: false,
      renewedToMs: 0,
    }),
    async create(handle, { expiresAtMs, signal }) {
      try {
        await vendor.createUser(handle.user, expiresAtMs + reachMs, signal);
      } catch (error) {
        throw hasCode(error, "BACKEND_REFUSED") ? new NothingCreated(error) : error;
      }
      signal.throwIfAborted();
      const { keyId, secretKey } = await vendor.createKey(handle.user, signal);
      const renewedToMs = reachMs === 0 ? 0 : expiresAtMs + reachMs;
      return {
        secret: { access_key: keyId, secret_key: secretKey },
        handle: { ...handle, keyId, renewedToMs },
      };
    },
    async renew(handle, { expiresAtMs, toldExpiresAtMs, signal }) {
      const fits = (endMs: number) => endMs <= handle.renewedToMs && handle.renewedToMs - endMs <= reachMs;
      const isRelied = reachMs > 0 && toldExpiresAtMs !== undefined && fits(toldExpiresAtMs);
      if (isRelied && fits(expiresAtMs)) return undefined;
      const renewedToMs = expiresAtMs + reachMs;
      await vendor.moveExpiry(handle.user, renewedToMs, signal);
      return { ...handle, renewedToMs };
    },
    planReissue: (handle) => ({ ...handle, keyId: "" }),
    async reissue(handle, { signal }) {
      await vendor.deleteKeys(handle.user, signal);
      signal.throwIfAborted();
      const { keyId, secretKey } = await vendor.createKey(handle.user, signal);
      return { secret: { access_key: keyId, secret_key: secretKey }, handle: { ...handle, keyId } };
    },
    leftBehind: ({ user }, { isDisarmed }) => [`User "${user}"${isDisarmed ? ", without its keys" : ""}.`],
    async disarm(handle, { signal }) {
      await vendor.deleteKeys(handle.user, signal);
    },
    async destroy(handle, { disarmed, signal, nowMs, createsEndedAtMs, checkpoint }) {
      await disarmed;
      // One that was still being made while the others were deleted.
      if (vendor.users.get(handle.user)?.keys.size) await vendor.deleteKeys(handle.user, signal);
      if (!handle.isDeleteSent) await checkpoint({ ...handle, isDeleteSent: true });
      const wasThere = await vendor.deleteUser(handle.user, signal);
      if (wasThere || handle.isDeleteSent || nowMs >= createsEndedAtMs) return;
      // It was sent and did nothing: that is not to be believed the next time either.
      await checkpoint(handle);
      throw new RetryLater(
        new CoreError("BACKEND_UNAVAILABLE", `The user "${handle.user}" may still appear.`),
        1000,
      );
    },
  });
}

/** Secrets that cannot be renewed, and end at the vendor after `briefMs`. */
const briefType = defineSecretType<Record<never, never>, JsonObject>({
  name: "brief",
  plan: () => ({}),
  create: async (handle, { issuedAtMs }) => ({
    secret: { password: "SECRET-brief" },
    handle: { ...handle, session: "s1" },
    expiresAtMs: issuedAtMs + briefMs,
  }),
  destroy: async () => {},
});

/** Makes a backend type whose vendor a test scripts. */
export function createScriptedBackend(vendor: ScriptedVendor): BackendType {
  return {
    type: "scripted",
    summary: "Secrets of a vendor that a test scripts.",
    description: "Used by the tests of the core.",
    create: (context) => {
      const user = userType(vendor, { name: "user", reachMs: 0 });
      const thrifty = userType(vendor, { name: "thrifty", reachMs: thriftyReachMs });
      return { paths: paths(context, user, thrifty), secretTypes: [user.type, thrifty.type, briefType.type] };
    },
  };
}

function paths(
  { storage }: BackendContext,
  user: ReturnType<typeof userType>,
  thrifty: ReturnType<typeof userType>,
) {
  const name = stringField("Name of the role.", {
    pattern: { regexp: /^[\w+=,.@-]{1,64}$/, words: "a role name" },
  });
  const ttl = durationField("How long the secret lives.");
  return [
    definePath({
      pattern: "creds/:name",
      summary: "A secret for a role.",
      description: "Makes a user with a key.",
      params: { name },
      fields: { ttl },
      operations: {
        read: {
          summary: "Issue a secret.",
          takes: ["ttl"],
          async handle({ params, fields }) {
            const role = await storage.get(`roles/${params.name}`);
            const ttl = {
              requestMs: fields.ttl,
              roleMs: numberOf(role?.["default_ttl"]),
              roleMaxMs: numberOf(role?.["max_ttl"]),
            };
            const maxLeases = numberOf(role?.["max_leases"]);
            return { issue: user.issue({ role: params.name, input: { role: params.name }, ttl, maxLeases }) };
          },
        },
      },
    }),
    definePath({
      pattern: "thrifty/:name",
      summary: "A secret whose renewals spare themselves calls.",
      description: "Makes a user with a key.",
      params: { name },
      fields: {},
      operations: {
        read: {
          summary: "Issue a secret.",
          handle: async ({ params }) => ({
            issue: thrifty.issue({ role: params.name, input: { role: params.name }, ttl: {} }),
          }),
        },
      },
    }),
    definePath({
      pattern: "brief/:name",
      summary: "A secret that ends soon.",
      description: "Nothing but a password.",
      params: { name },
      fields: {},
      operations: {
        read: {
          summary: "Issue a secret.",
          handle: async ({ params }) => ({
            issue: briefType.issue({ role: params.name, input: {}, ttl: {} }),
          }),
        },
      },
    }),
    definePath({
      pattern: "roles/",
      summary: "All roles.",
      description: "Names of all roles.",
      params: {},
      fields: {},
      operations: {
        list: { summary: "List.", handle: async () => ({ keys: await storage.list("roles/") }) },
      },
    }),
    definePath({
      pattern: "roles/:name",
      summary: "A role.",
      description: "What its secrets are like.",
      params: { name },
      fields: {
        default_ttl: ttl,
        max_ttl: durationField("The longest TTL."),
        max_leases: intField("How many leases may live.", { min: 1, max: 100 }),
        note: stringField("For people.", { isRequired: true }),
        tags: listField("Tags."),
        password: stringField("Kept secret.", { isSecret: true, lengthMax: 40 }),
      },
      unsupportedFields: ["session_tags"],
      operations: {
        read: {
          summary: "Read the role.",
          handle: async ({ path }) => {
            const data = await storage.get(path);
            return data ? { data } : {};
          },
        },
        write: {
          summary: "Write the role.",
          takes: ["default_ttl", "max_ttl", "max_leases", "note", "tags", "password"],
          async handle({ path, fields }) {
            await storage.put(path, JSON.parse(JSON.stringify(fields)));
            return { warnings: ["It was written by a test."] };
          },
        },
        delete: {
          summary: "Delete the role.",
          async handle({ path }) {
            await storage.delete(path);
            return {};
          },
        },
      },
    }),
  ];
}

function numberOf(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}
