import type { JsonObject } from "@bufbuild/protobuf";
import { type MountInfo, MountService, MountStateSchema } from "../../gen/leasehold/v1/mounts_pb.ts";
import { callTimeoutMs, withSession } from "./client.ts";
import { flagValue, type Invocation } from "./command.ts";
import { UnfinishedError, UsageError } from "./errors.ts";
import { escapeText } from "./escape.ts";
import { durationSeconds, durationText, parseFlagDuration, type WireDuration } from "./flag-duration.ts";
import { leaseDocument, leaseTable, timeJson } from "./lease-view.ts";
import { tableLines } from "./output.ts";

/** How long the revocation of many leases may take; the server goes on by itself after that. */
export const revocationTimeoutMs = 5 * callTimeoutMs;

/** `leasehold mount TYPE`. */
export async function mount(invocation: Invocation): Promise<number> {
  const type = invocation.arg("TYPE");
  const path = flagValue(invocation, "path");
  if (path === "") throw new UsageError("--path is empty");
  const tuning = tuningFlags(invocation);
  const description = flagValue(invocation, "description") ?? "";
  const { mount: made } = await withSession(invocation, (session) =>
    session.call(
      MountService.method.mount,
      { type, path: path ?? "", description, ...(tuning && { tuning }) },
      { doing: `mounting ${path ?? type}` },
    ),
  );
  invocation.output.result(
    () => [
      `Successfully mounted '${escapeText(made?.type ?? type)}' at '${escapeText(made?.path ?? path ?? type)}'!`,
    ],
    () => (made ? mountDocument(made) : {}),
  );
  return 0;
}

/** `leasehold unmount PATH`. */
export async function unmount(invocation: Invocation): Promise<number> {
  const path = invocation.arg("PATH");
  const { revoked, pending, left } = await withSession(invocation, (session) =>
    session.call(
      MountService.method.unmount,
      { path },
      { doing: `unmounting ${path}`, timeoutMs: revocationTimeoutMs },
    ),
  );
  const isGone = pending === 0n;
  invocation.output.result(
    () => (isGone ? [`Successfully unmounted '${escapeText(path)}'!`] : leaseTable(left)),
    () => ({ path, revoked: Number(revoked), pending: Number(pending), left: left.map(leaseDocument) }),
  );
  if (isGone) return 0;
  throw new UnfinishedError(`unmounting ${path}: ${pendingText({ revoked, pending })}`);
}

/** `leasehold mounts`. */
export async function mounts(invocation: Invocation): Promise<number> {
  const { mounts: found } = await withSession(invocation, (session) =>
    session.call(MountService.method.listMounts, {}, { doing: "listing mounts" }),
  );
  const { output } = invocation;
  output.result(
    () => (found.length > 0 ? mountTable(found) : []),
    () => found.map(mountDocument),
  );
  if (found.length === 0)
    output.note('Nothing is mounted. Run "leasehold mount TYPE", where TYPE is aws or kv');
  return 0;
}

/** `leasehold tune PATH`. */
export async function tune(invocation: Invocation): Promise<number> {
  const path = invocation.arg("PATH");
  const tuning = tuningFlags(invocation);
  const description = flagValue(invocation, "description");
  if (!tuning && description === undefined) {
    throw new UsageError(
      "nothing is to be changed; give --description, --default-ttl, --max-ttl or --max-leases",
    );
  }
  const { mount: tuned } = await withSession(invocation, (session) =>
    session.call(
      MountService.method.tuneMount,
      { path, ...(description !== undefined && { description }), ...(tuning && { tuning }) },
      { doing: `tuning ${path}` },
    ),
  );
  invocation.output.result(
    () => [`Successfully tuned '${escapeText(path)}'!`],
    () => (tuned ? mountDocument(tuned) : {}),
  );
  return 0;
}

/** How far a revocation of many leases came. */
export function pendingText({ revoked, pending }: { revoked: bigint; pending: bigint }): string {
  const leases = pending === 1n ? "1 lease is" : `${pending} leases are`;
  return `${leases} still to be revoked, ${revoked} gone. The server goes on; give the command again to see how far it came.`;
}

type Tuning = { defaultTtl?: WireDuration; maxTtl?: WireDuration; maxLeases?: bigint };

function tuningFlags(invocation: Invocation): Tuning | undefined {
  const defaultTtl = flagValue(invocation, "default-ttl");
  const maxTtl = flagValue(invocation, "max-ttl");
  const maxLeases = flagValue(invocation, "max-leases");
  if (defaultTtl === undefined && maxTtl === undefined && maxLeases === undefined) return undefined;
  return {
    ...(defaultTtl !== undefined && { defaultTtl: parseFlagDuration("default-ttl", defaultTtl) }),
    ...(maxTtl !== undefined && { maxTtl: parseFlagDuration("max-ttl", maxTtl) }),
    ...(maxLeases !== undefined && { maxLeases: parseMaxLeases(maxLeases) }),
  };
}

/** Most leases that a limit can name; `mounts.proto` says so, too. */
const maxLeasesMax = 10_000_000n;

function parseMaxLeases(text: string): bigint {
  if (/^\d{1,8}$/.test(text) && BigInt(text) <= maxLeasesMax) return BigInt(text);
  throw new UsageError(`--max-leases is "${text}"; it must be a whole number from 0 to ${maxLeasesMax}`);
}

/** Mounts as the lines of a table, with their lease limits where one of them has such a limit. */
function mountTable(mounts: readonly MountInfo[]): string[] {
  const hasLimits = mounts.some(({ tuning }) => tuning?.maxLeases !== undefined);
  const limit = ({ tuning }: MountInfo) => String(tuning?.maxLeases ?? "none");
  return tableLines([
    [
      "Path",
      "Type",
      "Accessor",
      "Default TTL",
      "Max TTL",
      ...(hasLimits ? ["Max leases"] : []),
      "Description",
    ],
    ...mounts.map((mount) => [
      mount.path,
      mount.type,
      mount.accessor,
      ttlText(mount.tuning?.defaultTtl),
      ttlText(mount.tuning?.maxTtl),
      ...(hasLimits ? [limit(mount)] : []),
      stateName(mount) === "mounted" ? mount.description : `(${stateName(mount)}) ${mount.description}`,
    ]),
  ]);
}

/** A mount in a JSON document; TTLs in seconds, null where the system's counts; a lease limit, null where there is none. */
function mountDocument(mount: MountInfo): JsonObject {
  const { defaultTtl, maxTtl, maxLeases } = mount.tuning ?? {};
  return {
    path: mount.path,
    type: mount.type,
    accessor: mount.accessor,
    description: mount.description,
    default_ttl: defaultTtl ? durationSeconds(defaultTtl) : null,
    max_ttl: maxTtl ? durationSeconds(maxTtl) : null,
    max_leases: maxLeases === undefined ? null : Number(maxLeases),
    state: stateName(mount),
    created_at: timeJson(mount.createdAt),
  };
}

function stateName({ state }: MountInfo): string {
  return MountStateSchema.value[state]?.localName.toLowerCase() ?? `state ${state}`;
}

function ttlText(ttl: WireDuration | undefined): string {
  return ttl ? durationText(ttl) : "system";
}
