import type { JsonObject } from "@bufbuild/protobuf";
import {
  type LeaseEvent,
  LeaseEventKind,
  LeaseEventKindSchema,
  LeaseState,
} from "../../gen/leasehold/v1/leases_pb.ts";
import { UsageError } from "./errors.ts";
import { escapeText } from "./escape.ts";
import { leaseDocument, timeJson, timeText } from "./lease-view.ts";

const known = Object.values(LeaseEventKind).filter((kind) => kind !== LeaseEventKind.UNSPECIFIED);

/** Name of a kind as people write it: `expiring_soon`. A kind newer than this program is shown by its number. */
export function kindName(kind: LeaseEventKind): string {
  return LeaseEventKindSchema.value[kind]?.localName.toLowerCase() ?? `kind_${kind}`;
}

/** Parses the name of a kind, in any case. Throws a UsageError that lists the names. */
export function parseKind(text: string): LeaseEventKind {
  const found = known.find((kind) => kindName(kind) === text.toLowerCase());
  if (found !== undefined) return found;
  const names = known.map((kind) => `"${kindName(kind)}"`);
  throw new UsageError(`--kind is "${text}"; it must be one of ${names.join(", ")}`);
}

const kindWidth = Math.max(...known.map((kind) => kindName(kind).length));

/** An event as a line: time, kind, lease, and what a person wants to know next. */
export function eventLine(event: LeaseEvent): string {
  const { kind, lease, occurredAt } = event;
  const cells = [timeText(occurredAt), kindName(kind).padEnd(kindWidth), lease?.id ?? "-", details(event)];
  return cells.map(escapeText).join("  ").trimEnd();
}

function details({ kind, lease }: LeaseEvent): string {
  switch (kind) {
    case LeaseEventKind.ISSUED:
    case LeaseEventKind.RENEWED:
    case LeaseEventKind.EXPIRING_SOON:
      return lease?.expiresAt ? `expires at ${timeText(lease.expiresAt)}` : "";
    case LeaseEventKind.FAILED:
    case LeaseEventKind.IRREVOCABLE: {
      const attempts = lease?.attempts ?? 0;
      const count = attempts > 0 ? `${attempts} attempt${attempts === 1 ? "" : "s"}` : "";
      return [count, lease?.lastError ?? ""].filter((part) => part !== "").join(": ");
    }
    case LeaseEventKind.GAP:
      return 'events were lost; "leasehold lease list" tells how things stand';
    default:
      return "";
  }
}

/** An event as a JSON document: what `lease lookup` says of the lease, null where that is not known any more. */
export function eventDocument({ kind, lease, resumeToken, occurredAt }: LeaseEvent): JsonObject {
  return {
    kind: kindName(kind),
    occurred_at: timeJson(occurredAt),
    lease: lease
      ? { ...leaseDocument(lease), ...(lease.state === LeaseState.UNSPECIFIED && unknownFacts) }
      : null,
    resume_token: resumeToken,
  };
}

/** What a lease that is gone does not say, where the wire has a value nevertheless. */
const unknownFacts: JsonObject = { state: null, renewable: null, attempts: null };
