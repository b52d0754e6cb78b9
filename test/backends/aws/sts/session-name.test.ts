import { describe, expect, it } from "vitest";
import { sessionNameOf, withLease } from "../../../../src/backends/aws/sts/session-name.ts";

const uuid = "0d042c53-aa8a-4ce7-9dfd-310351c465e5";

describe("sessionNameOf()", () => {
  it("names the role and the lease", () => {
    expect(sessionNameOf("deploy", uuid, 64)).toBe("leasehold-deploy-310351c465e5");
  });

  it("cuts a long role to what AWS allows, and replaces what a name cannot have", () => {
    const name = sessionNameOf(`a b${"x".repeat(100)}`, uuid, 64);
    expect(name).toMatch(/^leasehold-a_bx+-310351c465e5$/);
    expect(name).toHaveLength(64);
    expect(sessionNameOf("deploy-to-production", uuid, 32)).toBe("leasehold-deploy-to-310351c465e5");
  });
});

describe("withLease()", () => {
  it("adds what tells the lease", () => {
    expect(withLease("build-17", uuid.toUpperCase())).toBe("build-17-310351c465e5");
  });

  it("takes nothing but a UUID", () => {
    expect(() => withLease("build-17", "310351c465e5")).toThrow("is not a UUID");
  });
});
