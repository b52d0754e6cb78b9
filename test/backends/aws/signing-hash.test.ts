import { createHash, createHmac } from "node:crypto";
import { expect, test } from "vitest";
import { SigningHash } from "../../../src/backends/aws/signing-hash.ts";

const hex = async (hash: SigningHash): Promise<string> => Buffer.from(await hash.digest()).toString("hex");

test("SigningHash without a secret is SHA-256 of texts, views and buffers", async () => {
  const hash = new SigningHash();
  hash.update("Grüße ");
  hash.update(new Uint8Array([0, 1, 2, 3]).subarray(1, 3));
  hash.update(new Uint8Array([9]).buffer);
  const wanted = createHash("sha256")
    .update("Grüße ")
    .update(Buffer.from([1, 2, 9]))
    .digest("hex");
  expect(await hex(hash)).toBe(wanted);
});

test("SigningHash with a secret is HMAC-SHA-256, whatever form the secret has", async () => {
  const wanted = createHmac("sha256", "AWS4sécret").update("20261124").digest("hex");
  for (const secret of [
    "AWS4sécret",
    Buffer.from("AWS4sécret"),
    Uint8Array.from(Buffer.from("AWS4sécret")).buffer,
  ]) {
    const hash = new SigningHash(secret);
    hash.update("20261124");
    expect(await hex(hash)).toBe(wanted);
  }
});

test("SigningHash starts anew after reset(), with the same secret", async () => {
  const hash = new SigningHash("key");
  hash.update("something else");
  hash.reset();
  hash.update("data");
  expect(await hex(hash)).toBe(createHmac("sha256", "key").update("data").digest("hex"));
});
