import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type LeaseEvent,
  LeaseEventSchema,
  LeaseEventKind as WireKind,
} from "../../gen/leasehold/v1/leases_pb.ts";
import type { LeaseEventKind, LeaseEventView } from "../core/requests.ts";
import { leaseToMessage } from "./messages.ts";

/** Wire value of each kind of event. A kind without a row does not compile. */
export const eventKinds: Readonly<Record<LeaseEventKind, WireKind>> = {
  issued: WireKind.ISSUED,
  renewed: WireKind.RENEWED,
  expiringSoon: WireKind.EXPIRING_SOON,
  revoked: WireKind.REVOKED,
  failed: WireKind.FAILED,
  irrevocable: WireKind.IRREVOCABLE,
  forgotten: WireKind.FORGOTTEN,
  gap: WireKind.GAP,
};

/** Something that happened to a lease, as a message. */
export function eventToMessage({ kind, lease, resumeToken, occurredAtMs }: LeaseEventView): LeaseEvent {
  const message = create(LeaseEventSchema, {
    kind: eventKinds[kind],
    resumeToken,
    occurredAt: timestampFromMs(occurredAtMs),
  });
  if (lease !== undefined) message.lease = leaseToMessage(lease);
  return message;
}
