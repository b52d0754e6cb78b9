import { rootPolicyName } from "../caller.ts";
import { CoreError, hasCode, quote } from "../errors.ts";
import { invalidField } from "../field.ts";
import type { MountStorage } from "../mount-storage.ts";
import { type Acl, createAcl } from "./acl.ts";
import { builtInPolicyNames, defaultPolicyName, defaultPolicyText } from "./builtin-policies.ts";
import { type Policy, parsePolicy } from "./policy.ts";

/** How long what was read of policies is believed, in milliseconds: a change counts everywhere this much later at most. */
const believedMs = 700;
/** How long it is believed while the storage is away. */
const believedWhileAwayMs = 10_000;
/** How many sets of policies are kept in memory. */
const setsMax = 1000;
const namePattern = /^[a-z0-9][a-z0-9._-]{0,127}$/;

/** The policies. Every method rejects with `STORAGE_UNAVAILABLE` where the storage is away. */
export interface PolicyBook {
  /** Writes a policy. Throws `INVALID_FIELD`. */
  write(name: string, text: string): Promise<void>;
  /** The text of a policy. Throws `NO_SUCH_POLICY`. */
  read(name: string): Promise<string>;
  /** Names in order, the built-in ones among them. */
  list(): Promise<readonly string[]>;
  /** Deletes a policy; whoever has it has one less. One that is not there is fine. Throws `INVALID_FIELD` for a built-in one. */
  delete(name: string): Promise<void>;
  /** What the policies with these names together allow; names that are not known count for nothing. Answers at once what was read a moment ago. Rejects with `DATA_CORRUPTED` where one cannot be read. */
  aclOf(names: readonly string[]): Acl | Promise<Acl>;
}

interface Believed {
  readonly texts: readonly string[];
  readonly acl: Acl;
  readonly readAtMs: number;
}

/** Makes the book over the storage of what belongs to no mount. */
export function createPolicyBook(options: {
  readonly storage: MountStorage;
  readonly nowMs: () => number;
}): PolicyBook {
  const { storage, nowMs } = options;
  const sets = new Map<string, Believed>();
  const reading = new Map<string, Promise<Acl>>();
  /** A clock that was put back would make what is known young for as long. */
  const isYounger = ({ readAtMs }: Believed, limitMs: number): boolean => {
    const ageMs = nowMs() - readAtMs;
    return ageMs >= 0 && ageMs < limitMs;
  };
  const rootAcl = createAcl([{ name: rootPolicyName, policy: { rules: [] } }]);

  const find = async (name: string): Promise<string | undefined> => {
    const stored = await storage.get(entryOf(name));
    if (typeof stored?.policy === "string") return stored.policy;
    return name === defaultPolicyName ? defaultPolicyText : undefined;
  };

  const readSet = async (key: string, names: readonly string[]): Promise<Acl> => {
    const known = sets.get(key);
    const readAtMs = nowMs();
    try {
      const texts = await Promise.all(names.map(async (name) => (await find(name)) ?? ""));
      const isSame = known?.texts.every((text, at) => text === texts[at]) ?? false;
      const acl = known && isSame ? known.acl : createAcl(policiesOf(names, texts));
      sets.delete(key);
      const [longestUnread] = sets.keys();
      if (sets.size >= setsMax && longestUnread !== undefined) sets.delete(longestUnread);
      sets.set(key, { texts, acl, readAtMs });
      return acl;
    } catch (error) {
      if (known && hasCode(error, "STORAGE_UNAVAILABLE") && isYounger(known, believedWhileAwayMs))
        return known.acl;
      throw error;
    }
  };

  return {
    async write(name, text) {
      checkWritable(name);
      parsePolicy(text);
      await storage.put(entryOf(name), { policy: text });
      sets.clear();
    },
    async read(name) {
      if (name === rootPolicyName) throw invalidField("name", '"root" allows everything, and has no text.');
      checkName(name);
      const text = await find(name);
      if (text !== undefined) return text;
      throw new CoreError(
        "NO_SUCH_POLICY",
        `There is no policy ${quote(name)}. List those there are, or write this one.`,
        { details: { policy: name } },
      );
    },
    async list() {
      const stored = await storage.list("policy/");
      return [...new Set([...stored, ...builtInPolicyNames])].sort();
    },
    async delete(name) {
      checkWritable(name);
      if (name === defaultPolicyName)
        throw invalidField("name", '"default" cannot be deleted. Write one that allows nothing instead.');
      await storage.delete(entryOf(name));
      sets.clear();
    },
    aclOf(names) {
      if (names.includes(rootPolicyName)) return rootAcl;
      const key = names.join(" ");
      const known = sets.get(key);
      if (known && isYounger(known, believedMs)) return known.acl;
      const under = reading.get(key);
      if (under) return under;
      const read = readSet(key, names).finally(() => reading.delete(key));
      reading.set(key, read);
      return read;
    },
  };
}

const entryOf = (name: string): string => `policy/${name}`;

/** The policies that there are, of those that were asked for. */
function policiesOf(names: readonly string[], texts: readonly string[]) {
  return names.flatMap((name, at) => {
    const text = texts[at] ?? "";
    return text === "" ? [] : [{ name, policy: parseStored(name, text) }];
  });
}

/** A policy that cannot be read might deny, so it must not count for nothing; what it says is not for whoever happens to have it. */
function parseStored(name: string, text: string): Policy {
  try {
    return parsePolicy(text);
  } catch (error) {
    throw new CoreError(
      "DATA_CORRUPTED",
      `The policy ${quote(name)} is stored in a form that cannot be read. Write it anew with the root token.`,
      { details: { policy: name }, cause: error },
    );
  }
}

function checkName(name: string): void {
  if (namePattern.test(name)) return;
  throw invalidField(
    "name",
    `must be lower-case letters, digits, ".", "_" and "-", at most 128, and begin with a letter or digit; not ${quote(name)}.`,
  );
}

function checkWritable(name: string): void {
  checkName(name);
  if (name === rootPolicyName)
    throw invalidField("name", '"root" allows everything, and cannot be changed. Choose another name.');
}
