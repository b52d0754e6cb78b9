import { describe, expect, it } from "vitest";
import { AwsFailure } from "../../../src/backends/aws/aws-failure.ts";
import { belongingCalls, type IamCall } from "../../../src/backends/aws/iam-client-belongings.ts";
import type { QueryParameters } from "../../../src/backends/aws/query-parameters.ts";
import { readXml } from "../../../src/backends/aws/query-xml.ts";

/** Answers the results it is told, and keeps what it was asked. */
function answering(answer: (asked: number) => string) {
  const asked: [string, QueryParameters][] = [];
  const iam: IamCall = async (action, parameters) => {
    asked.push([action, parameters]);
    const result = readXml(`<Result>${answer(asked.length)}</Result>`);
    if (result === undefined) throw new Error("The test's own answer is malformed.");
    return result;
  };
  return { iam, asked };
}

const user = "deploy";

describe("listing what a user has", () => {
  it("follows every page, an empty one too", async () => {
    const keys = (...ids: string[]) =>
      `<AccessKeyMetadata>${ids.map((id) => `<member><AccessKeyId>${id}</AccessKeyId></member>`).join("")}</AccessKeyMetadata>`;
    const pages = [
      `${keys("A", "C")}<IsTruncated>true</IsTruncated><Marker>1</Marker>`,
      `${keys()}<IsTruncated>true</IsTruncated><Marker>2</Marker>`,
      `${keys("B")}<IsTruncated>false</IsTruncated>`,
    ];
    const { iam, asked } = answering((count) => pages[count - 1] ?? "");
    expect(await belongingCalls.accessKey.list({ iam, user })).toEqual(["A", "C", "B"]);
    expect(asked).toEqual([
      ["ListAccessKeys", { UserName: user }],
      ["ListAccessKeys", { UserName: user, Marker: "1" }],
      ["ListAccessKeys", { UserName: user, Marker: "2" }],
    ]);
  });

  it("gives up on an endpoint whose list never ends", async () => {
    const endless =
      "<PolicyNames><member>x</member></PolicyNames><IsTruncated>true</IsTruncated><Marker>again</Marker>";
    const { iam, asked } = answering(() => endless);
    await expect(belongingCalls.inlinePolicy.list({ iam, user })).rejects.toMatchObject({
      kind: "unknown",
      message: expect.stringContaining("more than 100 pages"),
    });
    expect(asked).toHaveLength(100);
  });

  it("takes an answer without a list for an empty one", async () => {
    const { iam } = answering(() => "");
    for (const { list } of Object.values(belongingCalls)) {
      expect((await list({ iam, user })).filter((id) => id !== "password")).toEqual([]);
    }
  });
});

describe("taking away a virtual MFA device", () => {
  const id = "arn:aws:iam::111122223333:mfa/phone";

  it("deletes it also where an earlier attempt came no further than to switch it off", async () => {
    const devices = new Set([id]);
    let isOn = true;
    let isThrottled = true;
    const iam: IamCall = async (action) => {
      if (action === "DeactivateMFADevice") {
        if (!isOn) throw new AwsFailure("absent", "NoSuchEntity", { message: "It is not on." });
        isOn = false;
      } else {
        if (isThrottled) throw new AwsFailure("throttled", "Throttling", { message: "Rate exceeded" });
        devices.delete(id);
      }
      return { name: "Result", text: "", children: [] };
    };
    const { remove } = belongingCalls.mfaDevice;
    await expect(remove({ iam, user, id })).rejects.toMatchObject({ kind: "throttled" });
    isThrottled = false;
    await remove({ iam, user, id });
    expect([...devices]).toEqual([]);
  });
});
