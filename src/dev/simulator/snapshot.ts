import { randomUUID } from "node:crypto";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import type { Account } from "./account.ts";
import type { Group, ManagedPolicy, MfaDevice, Role, Session, User } from "./entities.ts";
import { Policy } from "./policy/policy.ts";
import type { PolicyKind } from "./policy/policy-document.ts";

/** The parts of an account that outlast a restart. */
interface Snapshot {
  readonly format: 1;
  readonly accountId: string;
  readonly users: User[];
  readonly groups: Group[];
  readonly roles: Role[];
  readonly policies: ManagedPolicy[];
  readonly mfaDevices: MfaDevice[];
  readonly sessions: Session[];
}

function toPlain(_: string, value: unknown): unknown {
  if (value instanceof Map) return { $map: [...value] };
  if (value instanceof Set) return { $set: [...value] };
  // The compiled form is functions; it is compiled anew from the text.
  if (value instanceof Policy) return { $policy: value.text, kind: value.kind };
  return value;
}

function fromPlain(_: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if ("$map" in value) return new Map(value.$map as [string, unknown][]);
  if ("$set" in value) return new Set(value.$set as string[]);
  if ("$policy" in value) {
    const { $policy, kind } = value as unknown as { $policy: string; kind: PolicyKind };
    return new Policy($policy, kind);
  }
  return value;
}

/** The account as JSON, secrets of simulated keys included: without them no key would work after a restart. */
export function snapshotText(account: Account): string {
  const snapshot: Snapshot = {
    format: 1,
    accountId: account.id,
    users: [...account.users.all()],
    groups: [...account.groups.all()],
    roles: [...account.roles.all()],
    policies: [...account.policies.values()].filter(({ arn }) => !arn.startsWith("arn:aws:iam::aws:")),
    mfaDevices: [...account.mfaDevices.values()],
    sessions: [...account.sessions.values()],
  };
  return JSON.stringify(snapshot, toPlain);
}

/** Fills an empty account from a snapshot's JSON. */
function restore(account: Account, snapshot: Snapshot): void {
  for (const policy of snapshot.policies) {
    // Counted anew as the holders come in.
    account.policies.set(policy.arn, { ...policy, attachmentCount: 0, boundaryCount: 0 });
  }
  for (const group of snapshot.groups) account.addGroup(group);
  for (const role of snapshot.roles) account.addRole(role);
  for (const user of snapshot.users) account.addUser(user);
  for (const device of snapshot.mfaDevices) account.mfaDevices.set(device.serialNumber, device);
  for (const session of snapshot.sessions) account.addSession(session);
}

function unreadable(file: string, cause: unknown): Error {
  return new Error(`Cannot read "${file}" as a snapshot of the AWS simulator. Move it away to start anew.`, {
    cause,
  });
}

/**
 * Loads a snapshot into an empty account; false when there is no such file.
 *
 * @throws Error when the file is no snapshot or one of another account: nothing is guessed, nothing overwritten.
 */
export async function loadSnapshot(account: Account, file: string): Promise<boolean> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return false;
    throw error;
  }
  let snapshot: Partial<Snapshot> | undefined;
  try {
    snapshot = JSON.parse(text, fromPlain);
  } catch (cause) {
    throw unreadable(file, cause);
  }
  if (snapshot?.format !== 1 || snapshot.users === undefined) {
    throw new Error(
      `File "${file}" is no snapshot of the AWS simulator. Name another file, or move it away.`,
    );
  }
  if (snapshot.accountId !== account.id) {
    throw new Error(
      `Snapshot "${file}" is of account "${snapshot.accountId}", not "${account.id}". Start with that account id, or name another file.`,
    );
  }
  try {
    // A file that names format 1 was written by snapshotText(), which writes every field.
    restore(account, snapshot as Snapshot);
  } catch (cause) {
    throw unreadable(file, cause);
  }
  return true;
}

/** Writes text to a file that only its owner may read, all of it or nothing. */
export async function writeSnapshotFile(file: string, text: string): Promise<void> {
  const temporary = `${file}.${randomUUID()}.tmp`;
  try {
    await writeFile(temporary, text, { mode: 0o600, flush: true });
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
