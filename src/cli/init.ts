import { existsSync, rmSync } from "node:fs";
import { resolve } from "node:path";
import { type Config, ConfigError, type Environment, readConfig } from "../config.ts";
import { CoreError } from "../core/errors.ts";
import { AlreadyInitializedError, type EmptyStorage, openEmptyStorage } from "../init-storage.ts";
import { UnsuitableRedisError } from "../redis/check-redis.ts";
import { KmsError } from "../root-key/kms-decrypt.ts";
import { makeRootKeyFile } from "../root-key/root-key-file.ts";
import { withRootKey } from "../root-key/with-root-key.ts";
import { flagValue, type Invocation } from "./command.ts";
import { UnfinishedError, UsageError } from "./errors.ts";
import { escapeText } from "./escape.ts";
import { fileProblem } from "./input.ts";
import { keyValueLines } from "./output.ts";

const fileVariable = "LEASEHOLD_ROOT_KEY_FILE";
const fileDefault = "leasehold-root-key";

/** `leasehold init [--root-key-file F]`: makes a root key, the keyring and a root token. It works on Redis, not on a server. */
export async function init(invocation: Invocation): Promise<number> {
  const { io, output } = invocation;
  const file = newKeyFile(invocation);
  const config = readEnvironment(file === undefined ? io.env : { ...io.env, [fileVariable]: undefined });
  const { redisUrl, redisCa, replicasAwaited } = config;
  if (redisUrl === undefined)
    throw new UsageError("LEASEHOLD_REDIS_URL is not set: it names the Redis to set up");
  let storage: EmptyStorage | undefined;
  try {
    const configured = (await withRootKey(config)).rootKey?.reveal();
    if (file !== undefined && configured !== undefined)
      throw new UsageError(
        "a root key is configured, so --root-key-file makes none: leave one of the two out",
      );
    storage = await openEmptyStorage({ redisUrl: redisUrl.reveal(), redisCa, replicasAwaited });
    const made = configured === undefined ? (file ?? resolve(io.cwd, fileDefault)) : undefined;
    const rootKey = configured ?? makeFile(made ?? "");
    const token = await storage.initialize(rootKey).catch((error: unknown) => {
      throw afterFailure(error, made);
    });
    output.result(
      () =>
        keyValueLines([
          ...(made === undefined ? [] : [["root_key_file", escapeText(made)] as const]),
          ["root_token", token],
        ]),
      () => ({ root_key_file: made ?? null, root_token: token }),
    );
    if (made !== undefined)
      output.note(
        `Keep a copy of the root key: without it nothing in Redis can be read. Start servers with ${fileVariable}.`,
      );
    output.note("The root token is shown this once. Make tokens of less power with it, then revoke it.");
    return 0;
  } catch (error) {
    throw asFailure(error);
  } finally {
    await storage?.close();
  }
}

/** The file that is to be made: by the flag, or by the variable where it names none that is there. */
function newKeyFile({ flags, io }: Invocation): string | undefined {
  const flag = flagValue({ flags }, "root-key-file");
  const variable = io.env[fileVariable] || undefined;
  const name =
    flag ?? (variable !== undefined && !existsSync(resolve(io.cwd, variable)) ? variable : undefined);
  if (name === "") throw new UsageError("--root-key-file names no file");
  if (name === undefined) return undefined;
  const file = resolve(io.cwd, name);
  if (flag !== undefined && variable !== undefined && resolve(io.cwd, variable) !== file)
    throw new UsageError(
      `--root-key-file is "${flag}", and ${fileVariable} names another file: leave one of the two out`,
    );
  return file;
}

function readEnvironment(environment: Environment): Config {
  try {
    // As in development mode, where the root key may be missing.
    return readConfig(environment, { isDev: true });
  } catch (error) {
    if (error instanceof ConfigError) throw new UsageError(error.problems.join(" ").replace(/\.$/, ""));
    throw error;
  }
}

function makeFile(file: string): Uint8Array {
  try {
    return makeRootKeyFile(file);
  } catch (error) {
    const isThere = error instanceof Error && "code" in error && error.code === "EEXIST";
    const problem = isThere
      ? `there is a file "${file}" already, and it may hold a root key: nothing was changed. To use it, set ${fileVariable}`
      : `cannot make the file "${file}" (${fileProblem(error)}): nothing was changed`;
    throw new UnfinishedError(`initializing: ${problem}.`);
  }
}

/** A root key that certainly wraps nothing is taken away again; one of which nobody can tell stays. */
function afterFailure(error: unknown, made: string | undefined): unknown {
  if (made === undefined) return error;
  if (error instanceof AlreadyInitializedError) {
    rmSync(made, { force: true });
    return error;
  }
  if (!(error instanceof CoreError)) return error;
  return new UnfinishedError(
    `initializing: ${error.message} Whether the keyring was stored is not known, so "${made}" was kept. Run this again with ` +
      `${fileVariable} set to it: where that says that it was done before, start the server with it and a LEASEHOLD_ROOT_TOKEN.`,
  );
}

function asFailure(error: unknown): unknown {
  const isExplained =
    error instanceof AlreadyInitializedError ||
    error instanceof CoreError ||
    error instanceof KmsError ||
    error instanceof UnsuitableRedisError;
  return isExplained ? new UnfinishedError(`initializing: ${error.message}`) : error;
}
