// The entry of the server. It loads the rest only once stripped types and compiled code are kept between starts: they are more
// than half of a start, and what strips the types stays in memory. Where the folder cannot be written, nothing is kept.
import { enableCompileCache, flushCompileCache } from "node:module";
import { fileURLToPath } from "node:url";
import { compactHeap } from "./compact-heap.ts";

enableCompileCache(fileURLToPath(new URL("../node_modules/.cache/leasehold", import.meta.url)));
const { runServer } = await import("./run-server.ts");
// Node does so at an orderly end only, and a server may be killed.
flushCompileCache();
compactHeap();

// Set and not called: an exit must not cut off what is still being written.
process.exitCode = await runServer({ isDev: process.argv.includes("--dev") });
