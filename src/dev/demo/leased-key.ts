import { GetUserCommand, IAMClient, ListUsersCommand } from "@aws-sdk/client-iam";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";

/** An access key of AWS. */
export interface AccessKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const clientOptions = (endpoint: string, credentials: AccessKey) => ({
  endpoint,
  credentials,
  region: "us-east-1",
  maxAttempts: 1,
});

/** Asks AWS whose key this is: answers its ARN, or the name of AWS's refusal. */
export async function whoseKey(
  endpoint: string,
  key: AccessKey,
): Promise<{ readonly arn?: string; readonly refusal?: string }> {
  const client = new STSClient(clientOptions(endpoint, key));
  try {
    const { Arn } = await client.send(new GetCallerIdentityCommand({}));
    return { arn: Arn ?? "" };
  } catch (error) {
    return { refusal: error instanceof Error ? error.name : String(error) };
  } finally {
    client.destroy();
  }
}

/** Asks IAM for the user that a key belongs to: answers its ARN, or the name of AWS's refusal. Other than {@link whoseKey} it needs a permission. */
export async function whoseUser(
  endpoint: string,
  key: AccessKey,
): Promise<{ readonly arn?: string; readonly refusal?: string }> {
  const client = new IAMClient(clientOptions(endpoint, key));
  try {
    const { User } = await client.send(new GetUserCommand({}));
    return { arn: User?.Arn ?? "" };
  } catch (error) {
    return { refusal: error instanceof Error ? error.name : String(error) };
  } finally {
    client.destroy();
  }
}

/** The names of the IAM users that leasehold has made and not yet unmade. */
export async function leasedUsers(endpoint: string, admin: AccessKey): Promise<readonly string[]> {
  const client = new IAMClient(clientOptions(endpoint, admin));
  try {
    const { Users } = await client.send(new ListUsersCommand({ PathPrefix: "/leasehold/" }));
    return (Users ?? []).map(({ UserName }) => UserName ?? "");
  } finally {
    client.destroy();
  }
}

/** Reads the access key from what `leasehold read` has printed. */
export function printedKey(table: string): AccessKey & { readonly leaseId: string } {
  const value = (name: string): string => new RegExp(`^${name}\\s+(\\S+)`, "m").exec(table)?.[1] ?? "";
  return {
    leaseId: value("lease_id"),
    accessKeyId: value("access_key"),
    secretAccessKey: value("secret_key"),
  };
}
