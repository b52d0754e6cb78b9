import { describe, expect, test } from "vitest";
import { rootTokenAuthenticator } from "../../src/core/token.ts";

describe("rootTokenAuthenticator()", () => {
  const authenticate = rootTokenAuthenticator("the-root-token");

  test("knows the root token", () => {
    expect(authenticate("the-root-token")).toEqual({ id: "root", name: "root" });
  });

  test.each([undefined, ""])("asks for a token where there is none (%j)", (token) => {
    expect(() => authenticate(token)).toThrow(
      expect.objectContaining({ code: "UNAUTHENTICATED", message: expect.stringContaining("has no token") }),
    );
  });

  test.each(["the-root-toke", "the-root-token ", "THE-ROOT-TOKEN", "x"])(
    "refuses %j without repeating it",
    (token) => {
      expect(() => authenticate(token)).toThrow(
        expect.objectContaining({
          code: "UNAUTHENTICATED",
          message: "The token is not known. Check that it is whole and of this server.",
        }),
      );
    },
  );
});
