import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

/** A Lua script that Redis runs as one step; its file says what it takes and returns. */
export interface RedisScript {
  readonly name: string;
  readonly text: string;
  /** Name by which a Redis that has seen the script knows it. */
  readonly sha1: string;
}

const folder = new URL("./lua/", import.meta.url);

/** Reads a script and puts each part it names by `-- @include <part>` in that line's place: Redis knows no imports. */
function loadScript(name: string): RedisScript {
  const text = readFileSync(new URL(`${name}.lua`, folder), "utf8").replace(
    /^-- @include (\w+)$/gm,
    (_line, part) => readFileSync(new URL(`include/${part}.lua`, folder), "utf8"),
  );
  return { name, text, sha1: createHash("sha1").update(text).digest("hex") };
}

/** Every script: one a transition of a lease, and the few that the storage needs. */
export const scripts = {
  begin: loadScript("begin"),
  activate: loadScript("activate"),
  renew: loadScript("renew"),
  reopen: loadScript("reopen"),
  claim: loadScript("claim"),
  disarmed: loadScript("disarmed"),
  finish: loadScript("finish"),
  fail: loadScript("fail"),
  read: loadScript("read"),
  peek: loadScript("peek"),
  setMountState: loadScript("set-mount-state"),
  forgetMount: loadScript("forget-mount"),
  put: loadScript("put"),
  delete: loadScript("delete"),
  list: loadScript("list"),
  readHash: loadScript("read-hash"),
  writeMount: loadScript("write-mount"),
  take: loadScript("take"),
  createKeyring: loadScript("create-keyring"),
  replaceKeyring: loadScript("replace-keyring"),
  addToHash: loadScript("add-to-hash"),
} as const;
