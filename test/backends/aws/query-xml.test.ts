import { describe, expect, it } from "vitest";
import {
  elementAt,
  membersAt,
  readXml,
  textAt,
  type XmlElement,
} from "../../../src/backends/aws/query-xml.ts";

const read = (document: string): XmlElement => {
  const root = readXml(document);
  if (root === undefined) throw new Error("It is not well-formed.");
  return root;
};

describe("readXml()", () => {
  it("reads nested elements, references, CDATA, comments and empty elements", () => {
    const root = read(
      `<?xml version="1.0" encoding="UTF-8"?>\n<R xmlns="urn:x" a='1'>\n <U><N>a&amp;b&lt;c&gt;&quot;&apos;&#xe9;&#8364;</N><!-- no --><P/><E></E></U>` +
        "<D><![CDATA[<x>&amp;]]> and more</D></R>\n",
    );
    expect(root.name).toBe("R");
    expect(textAt(root, "U", "N")).toBe("a&b<c>\"'é€");
    expect(textAt(root, "U", "P")).toBe("");
    expect(textAt(root, "U", "E")).toBe("");
    expect(textAt(root, "D")).toBe("<x>&amp; and more");
  });

  it("finds what is asked for, and says so where it is not there", () => {
    const root = read("<R><L><member>1</member><other/><member><K>2</K></member></L></R>");
    const members = membersAt(root, "L");
    expect(members.map(({ text }) => text)).toEqual(["1", ""]);
    expect(members[1] && textAt(members[1], "K")).toBe("2");
    expect(membersAt(root, "L", "none")).toEqual([]);
    expect(elementAt(root)).toBe(root);
    expect(elementAt(root, "L", "x", "y")).toBeUndefined();
    expect(textAt(root, "x")).toBeUndefined();
  });

  it.each([
    ["nothing", ""],
    ["white space", " \n"],
    ["text", "Bad Gateway"],
    ["JSON", '{"Error":{"Code":"x"}}'],
    ["a page", "<!DOCTYPE html><html><body><br><p>Hello</body></html>"],
    ["a document that is cut off", "<R><A>1</A><B>2"],
    ["a document that is cut off between elements", "<R><A>1</A>"],
    ["a wrong end", "<R><A></R></A>"],
    ["an unknown reference", "<R>&nbsp;</R>"],
    ["a bare ampersand", "<R>a & b</R>"],
    ["a declared entity", '<!DOCTYPE R [<!ENTITY e "x">]><R>&e;</R>'],
    ["two roots", "<R/><R/>"],
    ["a byte that XML forbids", "<R>\u0000</R>"],
    ["an attribute without quotes", "<R a=1/>"],
  ])("answers nothing for %s", (_, document) => {
    expect(readXml(document)).toBeUndefined();
  });

  it("reads a deep and a long document", () => {
    const depth = 20_000;
    expect(read("<a>".repeat(depth) + "</a>".repeat(depth)).name).toBe("a");
    expect(membersAt(read(`<R>${"<member>x</member>".repeat(50_000)}</R>`))).toHaveLength(50_000);
  });
});
