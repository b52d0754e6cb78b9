import { SaxesParser } from "saxes";

/** An element of an answer of AWS. */
export interface XmlElement {
  readonly name: string;
  /** The text in it, with references resolved; white space alone where it has elements. */
  readonly text: string;
  readonly children: readonly XmlElement[];
}

interface GrowingElement {
  readonly name: string;
  text: string;
  readonly children: GrowingElement[];
}

/**
 * Reads a document and answers its root; undefined where it is not well-formed. Why it is not is kept back:
 * the words of the reader may quote what it has read, and that may be a secret. A document type declares nothing here.
 */
export function readXml(document: string): XmlElement | undefined {
  const top: GrowingElement = { name: "", text: "", children: [] };
  const open = [top];
  let current = top;
  let isWellFormed = true;
  const parser = new SaxesParser({ position: false });
  const addText = (text: string) => {
    current.text += text;
  };
  parser.on("error", () => {
    isWellFormed = false;
  });
  parser.on("opentag", ({ name }) => {
    const element: GrowingElement = { name, text: "", children: [] };
    current.children.push(element);
    open.push(element);
    current = element;
  });
  parser.on("closetag", () => {
    open.pop();
    current = open.at(-1) ?? top;
  });
  parser.on("text", addText);
  parser.on("cdata", addText);
  parser.write(document).close();
  return isWellFormed ? top.children[0] : undefined;
}

/** Finds an element by the names that lead to it. */
export function elementAt(element: XmlElement, ...names: readonly string[]): XmlElement | undefined {
  let found: XmlElement | undefined = element;
  for (const name of names) found = found?.children.find((child) => child.name === name);
  return found;
}

/** The text of an element by the names that lead to it; undefined where there is no such element. */
export function textAt(element: XmlElement, ...names: readonly string[]): string | undefined {
  return elementAt(element, ...names)?.text;
}

/** The members of a list by the names that lead to it; none where there is no such list. */
export function membersAt(element: XmlElement, ...names: readonly string[]): readonly XmlElement[] {
  return elementAt(element, ...names)?.children.filter(({ name }) => name === "member") ?? [];
}
