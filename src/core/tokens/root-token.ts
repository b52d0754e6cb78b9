import { randomBytes } from "node:crypto";
import { rootPolicyName } from "../caller.ts";
import type { MountStorage } from "../mount-storage.ts";
import { createTokenBook } from "./token-book.ts";
import { newTokenText, tokenDigest } from "./token-text.ts";

/** Makes a root token, which may do everything and ends only when it is revoked, and stores it. Answers its text. */
export async function storeRootToken(storage: MountStorage, nowMs: number): Promise<string> {
  const text = newTokenText();
  await createTokenBook(storage).write(tokenDigest(text), {
    accessor: `root_${randomBytes(8).toString("hex")}`,
    leaseId: undefined,
    displayName: "root",
    policies: [rootPolicyName],
    metadata: {},
    parent: undefined,
    usesLeft: undefined,
    createdAtMs: nowMs,
  });
  return text;
}
