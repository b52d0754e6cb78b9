import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type MountInfo,
  MountInfoSchema,
  MountService,
  MountState,
  type Tuning,
  TuningSchema,
} from "../../gen/leasehold/v1/mounts_pb.ts";
import type { Handle, MountTuning, MountView } from "../core/requests.ts";
import { durationToMs, leaseToMessage } from "./messages.ts";
import { type ServiceRoutes, serviceRoutes } from "./route.ts";

const mountStates: Readonly<Record<MountView["state"], MountState>> = {
  mounted: MountState.MOUNTED,
  unmounting: MountState.UNMOUNTING,
};

function tuningFromMessage(tuning: Tuning | undefined): MountTuning {
  const { defaultTtl, maxTtl, maxLeases } = tuning ?? {};
  return {
    ...(defaultTtl === undefined ? {} : { defaultTtlMs: durationToMs(defaultTtl, "tuning.default_ttl") }),
    ...(maxTtl === undefined ? {} : { maxTtlMs: durationToMs(maxTtl, "tuning.max_ttl") }),
    ...(maxLeases === undefined ? {} : { maxLeases: Number(maxLeases) }),
  };
}

function tuningToMessage({ defaultTtlMs, maxTtlMs, maxLeases }: MountTuning): Tuning {
  return create(TuningSchema, {
    ...(defaultTtlMs === undefined ? {} : { defaultTtl: durationFromMs(defaultTtlMs) }),
    ...(maxTtlMs === undefined ? {} : { maxTtl: durationFromMs(maxTtlMs) }),
    ...(maxLeases === undefined ? {} : { maxLeases: BigInt(maxLeases) }),
  });
}

function mountToMessage(mount: MountView): MountInfo {
  return create(MountInfoSchema, {
    path: mount.path,
    type: mount.type,
    accessor: mount.accessor,
    description: mount.description,
    tuning: tuningToMessage(mount.tuning),
    state: mountStates[mount.state],
    createdAt: timestampFromMs(mount.createdAtMs),
  });
}

/** The `MountService` on top of the core. */
export function mountsService(handle: Handle): ServiceRoutes {
  return serviceRoutes(MountService, {
    mount: async ({ type, path, description, tuning }, context) => {
      const input = { type, path, description, tuning: tuningFromMessage(tuning) };
      return { mount: mountToMessage(await handle("mount", input, context)) };
    },
    unmount: async ({ path }, context) => {
      const { revoked, pending, left } = await handle("unmount", { path }, context);
      return { revoked: BigInt(revoked), pending: BigInt(pending), left: left.map(leaseToMessage) };
    },
    listMounts: async (_request, context) => {
      const mounts = await handle("listMounts", {}, context);
      return { mounts: mounts.map(mountToMessage) };
    },
    tuneMount: async ({ path, description, tuning }, context) => {
      const input = { path, description, tuning: tuningFromMessage(tuning) };
      return { mount: mountToMessage(await handle("tuneMount", input, context)) };
    },
  });
}
