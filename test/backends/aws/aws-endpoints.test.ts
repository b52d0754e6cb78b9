import { IAMClient } from "@aws-sdk/client-iam";
import { STSClient } from "@aws-sdk/client-sts";
import { describe, expect, it } from "vitest";
import { type AwsService, endpointOf } from "../../../src/backends/aws/aws-endpoints.ts";

const regions =
  "us-east-1 us-east-2 us-west-1 us-west-2 af-south-1 ap-east-1 ap-east-2 ap-northeast-1 ap-northeast-2 ap-south-1 " +
  "ap-south-2 ap-southeast-1 ap-southeast-7 ca-central-1 ca-west-1 eu-central-1 eu-central-2 eu-north-1 eu-south-1 " +
  "eu-west-1 il-central-1 me-central-1 me-south-1 mx-central-1 sa-east-1 cn-north-1 cn-northwest-1 us-gov-east-1 " +
  "us-gov-west-1 us-iso-east-1 us-iso-west-1 us-isob-east-1 us-isob-west-1 eu-isoe-west-1 us-isof-south-1 " +
  "us-isof-east-1 eusc-de-east-1 xx-new-1";

/** What AWS's SDK resolves, by its endpoint rules. */
function sdkEndpointOf(service: AwsService, region: string) {
  const client = service === "iam" ? new IAMClient({ region }) : new STSClient({ region });
  const { url, properties } = client.config.endpointProvider({
    Region: region,
    UseDualStack: false,
    UseFIPS: false,
  });
  client.destroy();
  const schemes = properties?.["authSchemes"] as readonly { readonly signingRegion?: string }[] | undefined;
  return { url: url.href, signingRegion: schemes?.[0]?.signingRegion ?? region };
}

describe("endpointOf()", () => {
  it.each(regions.split(" "))("finds for %s what AWS's SDK finds", (region) => {
    for (const service of ["iam", "sts"] as const) {
      const { isSecure, host, port, path, signingRegion } = endpointOf({ service, region, url: undefined });
      expect({ url: `${isSecure ? "https" : "http"}://${host}${path}`, signingRegion }).toEqual(
        sdkEndpointOf(service, region),
      );
      expect(port).toBe(443);
    }
  });

  it.each([
    ["http://127.0.0.1:8311", { isSecure: false, hostname: "127.0.0.1", port: 8311, host: "127.0.0.1:8311" }],
    ["https://iam.example.com", { isSecure: true, hostname: "iam.example.com", port: 443, path: "/" }],
    ["https://iam.example.com:443/", { host: "iam.example.com", port: 443, path: "/" }],
    ["http://iam.example.com/aws", { host: "iam.example.com", port: 80, path: "/aws/" }],
    ["http://[::1]:8311/a b/", { hostname: "::1", host: "[::1]:8311", path: "/a%20b/" }],
  ])("takes %s apart, and has calls to it signed for the region as it is", (url, parts) => {
    expect(endpointOf({ service: "iam", region: "cn-northwest-1", url })).toMatchObject({
      ...parts,
      signingRegion: "cn-northwest-1",
    });
  });

  it("refuses a URL that is none", () => {
    expect(() => endpointOf({ service: "sts", region: "us-east-1", url: "http://[" })).toThrow(
      expect.objectContaining({ kind: "refused", code: "InvalidEndpoint" }),
    );
  });
});
