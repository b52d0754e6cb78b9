import { expect, test } from "vitest";
import { encodeParameters } from "../../../src/backends/aws/query-parameters.ts";
import { QueryParameters } from "../../../src/dev/simulator/query-parameters.ts";

test("encodeParameters() spells lists and structures flat, and leaves out what is undefined", () => {
  expect(
    encodeParameters({
      Action: "CreateUser",
      MaxItems: 100,
      WithTags: true,
      Marker: undefined,
      Tags: [
        { Key: "a:b", Value: "c d" },
        { Key: "e", Value: "" },
      ],
      TagKeys: ["x", "y"],
      Groups: [],
    }),
  ).toBe(
    "Action=CreateUser&MaxItems=100&WithTags=true&Tags.member.1.Key=a%3Ab&Tags.member.1.Value=c%20d&" +
      "Tags.member.2.Key=e&Tags.member.2.Value=&TagKeys.member.1=x&TagKeys.member.2=y&Groups=",
  );
});

test("encodeParameters() encodes every character so that it is read back", () => {
  const text = `${String.fromCharCode(...Array.from({ length: 256 }, (_, code) => code))}€😀`;
  const encoded = encodeParameters({ Text: text });
  expect(encoded).toMatch(/^Text=(?:[A-Za-z0-9_.~-]|%[0-9A-F]{2})*$/);
  expect(new QueryParameters("", encoded).get("Text")).toBe(text);
});

test("encodeParameters() takes no text that is not well-formed Unicode", () => {
  expect(() => encodeParameters({ Text: "\ud800" })).toThrow(URIError);
});
