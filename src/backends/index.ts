import type { BackendType } from "../core/backend.ts";
import { approleBackend } from "./approle/approle-backend.ts";
import { awsBackend } from "./aws/aws-backend.ts";
import type { AwsOptions } from "./aws/aws-options.ts";
import { certBackend } from "./cert/cert-backend.ts";
import { jwtBackend } from "./jwt/jwt-backend.ts";
import { kvBackend } from "./kv/kv-backend.ts";

/** Every backend type that can be mounted. */
export function backendTypes(options: { readonly aws: AwsOptions }): readonly BackendType[] {
  return [awsBackend(options.aws), kvBackend()];
}

/** Every way to log in. */
export function loginMethods(): readonly BackendType[] {
  return [approleBackend(), certBackend(), jwtBackend()];
}
