import { type PolicyDocument, type PolicyKind, parsePolicyDocument } from "./policy-document.ts";

/** A policy as it was written, beside its compiled form: parsed once, when it is stored. */
export class Policy {
  readonly text: string;
  readonly kind: PolicyKind;
  readonly document: PolicyDocument;
  /** Its length as quotas count it, without white space. */
  readonly countedChars: number;

  constructor(text: string, kind: PolicyKind = "identity") {
    this.text = text;
    this.kind = kind;
    this.document = parsePolicyDocument(text, kind);
    this.countedChars = text.replace(/\s/g, "").length;
  }
}
