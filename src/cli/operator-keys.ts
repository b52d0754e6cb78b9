import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { OperatorService } from "../../gen/leasehold/v1/operator_pb.ts";
import { decodeRootKey, makeRootKeyFile } from "../root-key/root-key-file.ts";
import { withSession } from "./client.ts";
import { flagValue, type Invocation } from "./command.ts";
import { UsageError } from "./errors.ts";
import { escapeText } from "./escape.ts";
import { fileProblem } from "./input.ts";
import { timeJson } from "./lease-view.ts";

/** `leasehold operator rotate`. */
export async function operatorRotate(invocation: Invocation): Promise<number> {
  const { term, activeSince } = await withSession(invocation, (session) =>
    session.call(OperatorService.method.rotate, {}, { doing: "rotating the data key" }),
  );
  invocation.output.result(
    () => [`Data key ${term} seals from now on. What the earlier ones sealed can still be read.`],
    () => ({ term, active_since: timeJson(activeSince) }),
  );
  return 0;
}

/** `leasehold operator rekey --new-key-file F`. The key is shown nowhere, and its file stays whatever comes of the call. */
export async function operatorRekey(invocation: Invocation): Promise<number> {
  const name = flagValue(invocation, "new-key-file") ?? "";
  if (name === "")
    throw new UsageError(
      "--new-key-file must name the file of the new root key, which is made where there is none",
    );
  const file = resolve(invocation.io.cwd, name);
  // Before anything is sent: a key that wraps the keyring and is in no file would be the end of all that is stored.
  const { newRootKey, isMade } = readOrMake(file);
  const { output } = invocation;
  if (isMade)
    output.note(
      `Made a new root key in ${file}. Whatever happens now, keep it until it is known to be needed no more.`,
    );
  const { rekeyedAt, warnings } = await withSession(invocation, (session) =>
    session.call(OperatorService.method.rekey, { newRootKey }, { doing: "changing the root key" }),
  );
  output.result(
    () => [
      `The root key in '${escapeText(file)}' counts since ${rekeyedAt ? timestampDate(rekeyedAt).toISOString() : "now"}.`,
    ],
    () => ({ new_key_file: file, is_made: isMade, rekeyed_at: timeJson(rekeyedAt), warnings }),
  );
  output.warnings(warnings);
  return 0;
}

function readOrMake(file: string): { readonly newRootKey: Uint8Array; readonly isMade: boolean } {
  try {
    return { newRootKey: makeRootKeyFile(file), isMade: true };
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST"))
      throw new UsageError(`--new-key-file: cannot make the file "${file}" (${fileProblem(error)})`);
  }
  let text: string;
  try {
    text = readFileSync(file, "utf8").trim();
  } catch (error) {
    throw new UsageError(`--new-key-file: cannot read the file "${file}" (${fileProblem(error)})`);
  }
  const newRootKey = decodeRootKey(text);
  if (!newRootKey)
    throw new UsageError(`--new-key-file: the file "${file}" holds no root key, which is 32 bytes in base64`);
  return { newRootKey, isMade: false };
}
