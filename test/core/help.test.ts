import { describe, expect, test } from "vitest";
import type { BackendType } from "../../src/core/backend.ts";
import { durationField, stringField } from "../../src/core/field.ts";
import { mountHelp, pathHelp } from "../../src/core/help.ts";
import { definePath } from "../../src/core/path.ts";

const handle = async () => ({});
const role = definePath({
  pattern: "roles/:name",
  summary: "A role.",
  description: "What its secrets are like.",
  params: { name: stringField("Name of the role.") },
  fields: {
    ttl: durationField("How long.", { defaultText: "1h" }),
    note: stringField("For people.", { isRequired: true }),
  },
  operations: {
    read: { summary: "Read it.", handle },
    write: { summary: "Write it.", takes: ["ttl", "note"], handle },
  },
});

describe("help", () => {
  test("for a mount shows what its backend is, and its paths in full", () => {
    const type: BackendType = {
      type: "t",
      summary: "Short.",
      description: "Long.",
      create: () => ({ paths: [], secretTypes: [] }),
    };
    expect(mountHelp("team/t", type, [role])).toEqual({
      path: "team/t",
      summary: "Short.",
      description: "Long.",
      operations: [],
      fields: [],
      paths: [{ pattern: "team/t/roles/:name", summary: "A role." }],
    });
  });

  test("for a path shows its operations and fields, those in the path first", () => {
    expect(pathHelp("t", role)).toEqual({
      path: "t/roles/:name",
      summary: "A role.",
      description: "What its secrets are like.",
      operations: [
        { name: "read", summary: "Read it." },
        { name: "write", summary: "Write it." },
      ],
      fields: [
        {
          ...{ name: "name", type: "string", description: "Name of the role.", defaultText: "" },
          ...{ isRequired: true, isInPath: true, operations: ["read", "write"] },
        },
        {
          ...{ name: "ttl", type: "duration", description: "How long.", defaultText: "1h" },
          ...{ isRequired: false, isInPath: false, operations: ["write"] },
        },
        {
          ...{ name: "note", type: "string", description: "For people.", defaultText: "" },
          ...{ isRequired: true, isInPath: false, operations: ["write"] },
        },
      ],
      paths: [],
    });
  });
});
