import type { Barrier } from "./barrier.ts";
import { CoreError } from "./errors.ts";
import type { LeaseState } from "./lease.ts";
import type { LeaseStore, StoredLease } from "./lease-store.ts";
import { viewStoredLease } from "./lease-view.ts";
import type { Mount } from "./mount.ts";
import type { MountTable } from "./mount-table.ts";
import { mountsOfPrefix } from "./mounts-of-prefix.ts";
import type { LeaseView, Operations } from "./requests.ts";

const pageSizeDefault = 100;
const pageSizeMax = 1000;
const readSize = 500;

/** What lease queries work with. */
export interface LeaseQueryOptions {
  readonly leases: LeaseStore;
  readonly barrier: Barrier;
  readonly mounts: MountTable;
}

/** Questions about many leases. A prefix is the start of an id: a mount, a path, or any part; empty means all. */
export interface LeaseQuery {
  /** One page, in the order of the ids within their mount. */
  list(request: Operations["listLeases"]["input"]): Promise<Operations["listLeases"]["output"]>;
  /** Counts by state: in constant time for whole mounts. */
  count(prefix: string): Promise<Operations["countLeases"]["output"]>;
  /** The mounts whose leases can have ids that start with the prefix, as they are stored now. */
  mountsUnder(prefix: string): Promise<readonly Mount[]>;
}

/** Makes the lease queries. */
export function createLeaseQuery({ leases, barrier, mounts }: LeaseQueryOptions): LeaseQuery {
  const mountsUnder = async (prefix: string): Promise<readonly Mount[]> => {
    // Another server may have mounted a moment ago: leases that nobody lists are leases that nobody revokes.
    await mounts.refresh();
    return mountsOfPrefix(mounts.all(), prefix);
  };

  const isWhole = ({ path }: Mount, prefix: string): boolean => `${path}/`.startsWith(prefix);

  /** Adds a mount's leases to a page until it is full; answers the last id that was looked at, or undefined at the end. */
  const fill = async (
    mount: Mount,
    page: { readonly leases: LeaseView[]; readonly size: number },
    filter: { readonly prefix: string; readonly after: string; readonly states: readonly LeaseState[] },
  ): Promise<string | undefined> => {
    let { after } = filter;
    const nowMs = await leases.nowMs();
    for (;;) {
      // With a filter most of what is read may be left out: then a full read at a time, not a handful.
      const isFiltered = filter.states.length > 0;
      const limit = isFiltered ? readSize : Math.min(readSize, page.size - page.leases.length);
      const found = await leases.list(mount.record.accessor, { prefix: filter.prefix, after, limit });
      for (const stored of found) {
        after = stored.id;
        if (isFiltered && !filter.states.includes(stored.state)) continue;
        page.leases.push(viewStoredLease(barrier, stored, nowMs));
        if (page.leases.length >= page.size) return after;
      }
      if (found.length < limit) return undefined;
    }
  };

  const countByReading = async (
    mount: Mount,
    prefix: string,
    add: (lease: StoredLease) => void,
  ): Promise<void> => {
    let after = "";
    for (;;) {
      const found = await leases.list(mount.record.accessor, { prefix, after, limit: readSize });
      found.forEach(add);
      const last = found.at(-1);
      if (!last || found.length < readSize) return;
      after = last.id;
    }
  };

  return {
    mountsUnder,
    async list({ prefix, pageSize, pageToken, states }) {
      const size = Math.min(pageSizeMax, pageSize > 0 ? pageSize : pageSizeDefault);
      const page = { leases: [] as LeaseView[], size };
      const start = pageToken === "" ? { mount: "", after: "" } : parsePageToken(pageToken);
      for (const mount of await mountsUnder(prefix)) {
        if (mount.path < start.mount) continue;
        if (page.leases.length >= size)
          return { leases: page.leases, nextPageToken: pageTokenOf(mount.path, "") };
        const after = mount.path === start.mount ? start.after : "";
        const last = await fill(mount, page, { prefix, after, states });
        if (last !== undefined) return { leases: page.leases, nextPageToken: pageTokenOf(mount.path, last) };
      }
      return { leases: page.leases, nextPageToken: "" };
    },
    async count(prefix) {
      const byState: Partial<Record<LeaseState, number>> = {};
      const add = (state: LeaseState, count: number) => {
        if (count > 0) byState[state] = (byState[state] ?? 0) + count;
      };
      for (const mount of await mountsUnder(prefix)) {
        if (!isWhole(mount, prefix)) {
          await countByReading(mount, prefix, ({ state }) => add(state, 1));
          continue;
        }
        const counts = await leases.count(mount.record.accessor);
        for (const state of ["issuing", "active", "revoking", "irrevocable"] as const)
          add(state, counts.byState[state] ?? 0);
      }
      return { byState, total: Object.values(byState).reduce((sum, count) => sum + count, 0) };
    },
  };
}

function pageTokenOf(mount: string, after: string): string {
  return Buffer.from(JSON.stringify([mount, after])).toString("base64url");
}

function parsePageToken(token: string): { readonly mount: string; readonly after: string } {
  try {
    const [mount, after] = JSON.parse(Buffer.from(token, "base64url").toString());
    if (typeof mount === "string" && typeof after === "string") return { mount, after };
  } catch {
    // Told below, like a token of another shape.
  }
  throw new CoreError(
    "INVALID_FIELD",
    'Field "page_token" is not a token of this server. Start again without one.',
    {
      details: { field: "page_token" },
    },
  );
}
