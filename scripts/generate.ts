import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { file_buf_validate_validate } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { printProto } from "./print-proto.ts";

const banner =
  "// Printed from the descriptor in @bufbuild/protovalidate (Apache-2.0) by `npm run generate`.\n\n";

/**
 * Makes everything that is generated, under a folder: the TypeScript in `gen/`,
 * and `vendor/buf/validate/validate.proto`, which no npm package ships as text.
 */
export function generate(dir: string): void {
  mkdirSync(join(dir, "vendor/buf/validate"), { recursive: true });
  writeFileSync(
    join(dir, "vendor/buf/validate/validate.proto"),
    banner + printProto(file_buf_validate_validate),
  );
  execFileSync("buf", ["generate", "--output", dir], { stdio: "inherit" });
}

if (import.meta.main) generate(".");
