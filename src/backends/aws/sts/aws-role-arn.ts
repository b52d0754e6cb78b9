/** What the ARNs of IAM roles look like. */
export const roleArnPattern = /^arn:aws[\w-]*:iam::(\d{12}):role\/(?:[\x21-\x7e]+\/)?([\w+=,.@-]{1,64})$/;

/** The account and the name, without its path, of the AWS role that an ARN names. Throws for anything else. */
export function partsOfRoleArn(arn: string): { readonly account: string; readonly name: string } {
  const [, account, name] = roleArnPattern.exec(arn) ?? [];
  if (account === undefined || name === undefined)
    throw new Error(`${JSON.stringify(arn)} is no role's ARN.`);
  return { account, name };
}

/** The ARN of an AWS role without the path. In an account a name stands for one role, whatever its path is or was. */
export function arnWithoutPath(arn: string): string {
  return arn.replace(/:role\/.*\//, ":role/");
}
