import { describe, expect, test } from "vitest";
import { createLog, errorFacts } from "../../src/rpc/log.ts";

function logged(write: (log: ReturnType<typeof createLog>) => void): string {
  let text = "";
  write(createLog({ level: "info", stream: { write: (line) => (text += line) } }));
  return text;
}

describe("the log", () => {
  test("shows of an error its type, message, stack and causes, and none of its other properties", () => {
    const cause = Object.assign(new Error("reply"), { command: { args: ["s3cr3t"] } });
    const error = Object.assign(new TypeError("broken", { cause }), { $response: "s3cr3t" });
    const text = logged((log) => log.error({ err: error }, "failed"));
    expect(text).not.toContain("s3cr3t");
    expect(JSON.parse(text)).toMatchObject({
      level: "error",
      err: { type: "TypeError", message: "broken", cause: { type: "Error", message: "reply" } },
    });
  });

  test("withholds the message of a SyntaxError, in which JSON.parse quotes its input", () => {
    let error: unknown;
    try {
      JSON.parse('s3cr3t "key"');
    } catch (thrown) {
      error = thrown;
    }
    expect(String(error)).toContain("s3cr3t");
    expect(JSON.stringify(errorFacts(error))).not.toContain("s3cr3t");
  });

  test("shows nothing of what is thrown and is no Error", () => {
    expect(errorFacts("s3cr3t")).toEqual({ type: "string", message: "not an Error", stack: [] });
  });

  test("censors tokens and data that a call site logs by mistake", () => {
    const text = logged((log) => log.info({ token: "s3cr3t", request: { data: "s3cr3t" } }, "oops"));
    expect(text).not.toContain("s3cr3t");
  });
});
