import { SecretService } from "../../gen/leasehold/v1/secrets_pb.ts";
import type { JsonObject } from "../core/json.ts";
import type { FieldHelp, Handle, SecretReply } from "../core/requests.ts";
import { leaseToMessage } from "./messages.ts";
import { type ServiceRoutes, serviceRoutes } from "./route.ts";
import { structFromJson, structToJson } from "./struct.ts";

// What a read answers and what a write answers have the same fields.
function replyToMessage(reply: SecretReply) {
  return {
    warnings: [...reply.warnings],
    ...(reply.data === undefined ? {} : { data: structFromJson(reply.data) }),
    ...(reply.lease === undefined ? {} : { lease: leaseToMessage(reply.lease) }),
  };
}

const fieldHelpToMessage = (field: FieldHelp) => ({
  name: field.name,
  type: field.type,
  description: field.description,
  defaultValue: field.defaultText,
  required: field.isRequired,
  inPath: field.isInPath,
  operations: [...field.operations],
});

const noFields: JsonObject = {};

/** The `SecretService` on top of the core. */
export function secretsService(handle: Handle): ServiceRoutes {
  return serviceRoutes(SecretService, {
    read: async ({ path, parameters, idempotencyKey }, context) => {
      const data = parameters === undefined ? noFields : structToJson(parameters, "parameters");
      const input = { path, data, ...(idempotencyKey === "" ? {} : { idempotencyKey }) };
      return replyToMessage(await handle("read", input, context));
    },
    write: async ({ path, data: fields }, context) => {
      const data = fields === undefined ? noFields : structToJson(fields, "data");
      return replyToMessage(await handle("write", { path, data }, context));
    },
    list: async ({ path }, context) => {
      const { keys } = await handle("list", { path }, context);
      return { keys: [...keys] };
    },
    delete: async ({ path }, context) => {
      const { warnings } = await handle("delete", { path }, context);
      return { warnings: [...warnings] };
    },
    help: async ({ path }, context) => {
      const help = await handle("help", { path }, context);
      return {
        path: help.path,
        summary: help.summary,
        description: help.description,
        operations: help.operations.map(({ name, summary }) => ({ name, summary })),
        fields: help.fields.map(fieldHelpToMessage),
        paths: help.paths.map(({ pattern, summary }) => ({ pattern, summary })),
      };
    },
  });
}
