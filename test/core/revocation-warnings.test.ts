import { describe, expect, it } from "vitest";
import { createRevokerScene } from "./revoker-scene.ts";

describe("the warnings of a revocation", () => {
  it("are what the backend has to say of a secret that it took away", async () => {
    const scene = await createRevokerScene();
    const outcome = await scene.attempt({
      destroy: async (_handle, { warn }) => {
        warn?.("The session goes on.");
        warn?.("For an hour.");
      },
    });
    expect(outcome).toEqual({ kind: "revoked", warnings: ["The session goes on.", "For an hour."] });
  });

  it("are not there where it says nothing, nor where it fails", async () => {
    const silent = await createRevokerScene();
    expect(await silent.attempt({ destroy: async () => {} })).toEqual({ kind: "revoked" });
    const failing = await createRevokerScene();
    const outcome = await failing.attempt({
      destroy: async (_handle, { warn }) => {
        warn?.("The session goes on.");
        throw new Error("Away.");
      },
    });
    expect(outcome).not.toHaveProperty("warnings");
  });

  it("are heard in haste, too", async () => {
    const scene = await createRevokerScene();
    const unmaking = {
      destroy: async (_: object, { warn }: { warn?(warning: string): void }) => warn?.("On."),
    };
    expect(await scene.attempt(unmaking, { tidyFromMs: 0 })).toEqual({ kind: "revoked", warnings: ["On."] });
  });
});
