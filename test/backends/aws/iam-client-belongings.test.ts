import { type IAMClient, ListAccessKeysCommand } from "@aws-sdk/client-iam";
import { describe, expect, it } from "vitest";
import { belongingCalls } from "../../../src/backends/aws/iam-client-belongings.ts";

/** A client that answers what it is told, and keeps what it was asked. */
function clientOf(answer: (asked: number) => unknown) {
  const commands: { readonly input: unknown }[] = [];
  const send = async (command: { readonly input: unknown }) => {
    commands.push(command);
    return answer(commands.length);
  };
  // Only `send` of the SDK's client is ever used.
  return { iam: { send } as unknown as IAMClient, commands };
}

const call = { user: "deploy", signal: new AbortController().signal };

describe("listing what a user has", () => {
  it("follows every page, an empty one too", async () => {
    const pages = [
      { AccessKeyMetadata: [{ AccessKeyId: "A" }], IsTruncated: true, Marker: "1" },
      { AccessKeyMetadata: [], IsTruncated: true, Marker: "2" },
      { AccessKeyMetadata: [{ AccessKeyId: "B" }], IsTruncated: false },
    ];
    const { iam, commands } = clientOf((asked) => pages[asked - 1]);
    expect(await belongingCalls.accessKey.list({ ...call, iam })).toEqual(["A", "B"]);
    expect(commands.every((command) => command instanceof ListAccessKeysCommand)).toBe(true);
    expect(commands.map(({ input }) => input)).toEqual([
      { UserName: "deploy" },
      { UserName: "deploy", Marker: "1" },
      { UserName: "deploy", Marker: "2" },
    ]);
  });

  it("gives up on an endpoint whose list never ends", async () => {
    const { iam, commands } = clientOf(() => ({ PolicyNames: ["x"], IsTruncated: true, Marker: "again" }));
    await expect(belongingCalls.inlinePolicy.list({ ...call, iam })).rejects.toThrow("more than 100 pages");
    expect(commands).toHaveLength(100);
  });

  it("takes an answer without a list for an empty one", async () => {
    const { iam } = clientOf(() => ({}));
    for (const { list } of Object.values(belongingCalls)) {
      expect((await list({ ...call, iam })).filter((id) => id !== "password")).toEqual([]);
    }
  });
});
