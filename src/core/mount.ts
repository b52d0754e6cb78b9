import type { Backend, BackendType, SecretType } from "./backend.ts";
import { packedType } from "./packed-type.ts";
import type { MountTuning, MountView } from "./requests.ts";

/** What is stored about a mount. */
export interface MountRecord {
  readonly accessor: string;
  readonly type: string;
  readonly description: string;
  readonly tuning: MountTuning;
  readonly state: "mounted" | "unmounting";
  readonly createdAtMs: number;
}

/** A mount in use: its record, and the backend that this process assembled for it. */
export interface Mount {
  readonly path: string;
  readonly record: MountRecord;
  /** The record as it is stored, for compare-and-set. */
  readonly stored: Uint8Array;
  readonly type: BackendType;
  readonly backend: Backend;
  /** Whether it belongs to the product: always there, not listed, and not to be changed. */
  readonly isBuiltIn: boolean;
}

/** A mount that belongs to the product. Its accessor is the same on every server, and for ever. */
export interface BuiltInMount {
  readonly path: string;
  readonly accessor: string;
  readonly type: BackendType;
}

/** A mount as callers see it. */
export function viewMount({ path, record }: Pick<Mount, "path" | "record">): MountView {
  return { path, ...record };
}

/** The secret type that a lease of a mount names, which takes and gives handles as they are stored. Throws where the backend has none of that name. */
export function secretTypeOf(mount: Mount, name: string): SecretType {
  const type = mount.backend.secretTypes.find((candidate) => candidate.name === name);
  if (!type) throw new Error(`The backend "${mount.type.type}" has no secret type "${name}".`);
  return packedType(type);
}
