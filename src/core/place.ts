/** Where a sealed value belongs. All of it is authenticated and none of it is stored with the value. */
export interface Place {
  /** Names the record, and no other one: `lease:<accessor>:<id>`. */
  readonly key: string;
  /** Which part of the record it is. */
  readonly field: string;
  /** Version of what the value looks like inside: one of another version does not open. */
  readonly schema: number;
}

/** A place as the bytes that are authenticated; two different places never have the same. */
export function placeBytes({ key, field, schema }: Place): Buffer {
  return Buffer.from(JSON.stringify([key, field, schema]));
}
