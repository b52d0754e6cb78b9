/** The key that the AWS simulator knows as its account's administrator, with the field names of `config/root`. */
export const adminKey = {
  access_key: "AKIAI4SGLQPBX6CSENIQ",
  secret_key: "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",
};

/** Policy of the users that are made. */
export const policyDocument = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ec2:*"],"Resource":["*"]}]}`;
