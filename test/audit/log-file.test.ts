import { execFileSync } from "node:child_process";
import {
  appendFile,
  chmod,
  mkdtemp,
  readFile,
  rename,
  rm,
  stat,
  truncate,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openFileSink } from "../../src/audit/file-sink.ts";
import { appendLines } from "../../src/audit/log-file.ts";

let dir: string;
let path: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "leasehold-log-file-"));
  path = join(dir, "audit.log");
});
afterEach(() => rm(dir, { recursive: true }));

const line = (n: number): string => `${JSON.stringify({ n })}\n`;

describe("appending to a file", () => {
  /** A file on a disk with so many bytes left. */
  const fileOnDisk = (bytesLeft: number) => {
    const disk = { text: "", bytesLeft, syncs: 0 };
    const handle = {
      async write(bytes: Buffer, offset: number) {
        const bytesWritten = Math.min(disk.bytesLeft, bytes.length - offset);
        if (bytesWritten === 0) throw new Error("ENOSPC: no space left on device");
        disk.bytesLeft -= bytesWritten;
        disk.text += bytes.toString("utf8", offset, offset + bytesWritten);
        return { bytesWritten };
      },
      async datasync() {
        disk.syncs += 1;
      },
    };
    return { disk, file: { handle, isTorn: false } };
  };

  test("fails where the disk takes a part only, and keeps the next line apart from that part", async () => {
    const { disk, file } = fileOnDisk(12);
    await appendLines(file, line(1));
    await expect(appendLines(file, line(2))).rejects.toThrow("ENOSPC");
    expect(disk.syncs).toBe(1);
    disk.bytesLeft = 1000;
    await appendLines(file, line(3));
    await appendLines(file, line(4));
    expect(disk.text).toBe('{"n":1}\n{"n"\n{"n":3}\n{"n":4}\n');
  });

  test("leaves no empty line after a write that failed as a whole", async () => {
    const { disk, file } = fileOnDisk(8);
    await appendLines(file, line(1));
    await expect(appendLines(file, line(2))).rejects.toThrow("ENOSPC");
    disk.bytesLeft = 1000;
    await appendLines(file, line(3));
    expect(disk.text).toBe('{"n":1}\n{"n":3}\n');
  });
});

describe("a file of audit lines", () => {
  test("that another process left torn gets its next line apart", async () => {
    await writeFile(path, '{"n":1}\n{"n"');
    const sink = await openFileSink(path);
    await sink.write(line(2));
    await sink.close();
    expect(await readFile(path, "utf8")).toBe('{"n":1}\n{"n"\n{"n":2}\n');
  });

  test("that another server tears meanwhile gets its next line apart", async () => {
    const sink = await openFileSink(path);
    await sink.write(line(1));
    await appendFile(path, '{"n"');
    await sink.write(line(2));
    await sink.write(line(3));
    await sink.close();
    expect(await readFile(path, "utf8")).toBe('{"n":1}\n{"n"\n{"n":2}\n{"n":3}\n');
  });

  test("that is cut where its last line was torn begins with a line", async () => {
    const sink = await openFileSink(path);
    await sink.write(line(1));
    await appendFile(path, '{"n"');
    await truncate(path);
    await sink.write(line(2));
    await sink.close();
    expect(await readFile(path, "utf8")).toBe('{"n":2}\n');
  });

  test.each([
    [0o644, 0o640],
    [0o666, 0o640],
    [0o640, 0o640],
    [0o600, 0o600],
  ])("that has the mode %o is opened with %o", async (before, after) => {
    await writeFile(path, "");
    await chmod(path, before);
    await (await openFileSink(path)).close();
    expect((await stat(path)).mode & 0o777).toBe(after);
  });

  test("is not one that holds something else, nor a FIFO, a device or a folder", async () => {
    await writeFile(path, "export PATH=/usr/bin\n");
    execFileSync("mkfifo", [join(dir, "fifo")]);
    for (const place of [path, join(dir, "fifo"), "/dev/null", dir])
      await expect(openFileSink(place)).rejects.toMatchObject({
        code: "INVALID_FIELD",
        details: { field: "path" },
      });
    expect(await readFile(path, "utf8")).toBe("export PATH=/usr/bin\n");
  });

  test("loses nothing and refuses nothing when it is opened anew while lines are written", async () => {
    const sink = await openFileSink(path);
    const rounds = 20;
    const writes = (async () => {
      for (let n = 0; n < rounds * 5; n++) await sink.write(line(n));
    })();
    for (let round = 0; round < rounds; round++) {
      await rename(path, `${path}.${round}`);
      await sink.reopen();
    }
    await writes;
    await sink.close();
    const files = [...Array.from({ length: rounds }, (_, round) => `${path}.${round}`), path];
    const texts = await Promise.all(files.map((file) => readFile(file, "utf8")));
    const numbers = texts.flatMap((text) => text.split("\n").filter((each) => each !== ""));
    expect(numbers).toEqual(Array.from({ length: rounds * 5 }, (_, n) => line(n).trimEnd()));
  });
});
