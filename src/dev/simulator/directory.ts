import { notFound } from "./aws-error.ts";

/**
 * The named things of one kind, found by name without regard to case.
 *
 * It plays eventual consistency: what was just created may not be seen yet, and what was just deleted may be seen
 * by readers for a while, while the name itself is taken and freed at once.
 */
export class Directory<T extends { name: string; readonly visibleAtMs: number }> {
  readonly #kind: string;
  readonly #nowMs: () => number;
  readonly #byName = new Map<string, T>();
  readonly #leaving = new Map<string, { entity: T; goneAtMs: number }>();

  constructor(kind: string, nowMs: () => number) {
    this.#kind = kind;
    this.#nowMs = nowMs;
  }

  /** How many there are, seen or not. */
  get size(): number {
    return this.#byName.size;
  }

  /** Tells whether a name is taken, be its owner visible yet or not. */
  isTaken(name: string): boolean {
    return this.#byName.has(name.toLowerCase());
  }

  /** Finds by name; undefined when there is none or it is not visible yet. */
  find(name: string): T | undefined {
    const found = this.#byName.get(name.toLowerCase());
    return found !== undefined && found.visibleAtMs <= this.#nowMs() ? found : undefined;
  }

  /**
   * Gets by name.
   *
   * @throws AwsError `NoSuchEntity` when there is none or it is not visible yet.
   */
  get(name: string): T {
    const found = this.find(name);
    if (found === undefined) throw notFound(this.#kind, name);
    return found;
  }

  /**
   * Gets by name for a call that only reads, which may still see what was deleted a moment ago.
   *
   * @throws AwsError `NoSuchEntity` when readers see none.
   */
  read(name: string): T {
    const leaving = this.#leaving.get(name.toLowerCase());
    const ghost = leaving !== undefined && leaving.goneAtMs > this.#nowMs() ? leaving.entity : undefined;
    return this.find(name) ?? ghost ?? this.get(name);
  }

  /** Everything that readers see. */
  readable(): T[] {
    const nowMs = this.#nowMs();
    const seen = [...this.#byName.values()].filter((entity) => entity.visibleAtMs <= nowMs);
    for (const [name, { entity, goneAtMs }] of this.#leaving) {
      if (goneAtMs <= nowMs) this.#leaving.delete(name);
      else if (!this.#byName.has(name)) seen.push(entity);
    }
    return seen;
  }

  /** Everything there is, visible yet or not. */
  all(): IterableIterator<T> {
    return this.#byName.values();
  }

  /** Adds one, whose name has to be free. */
  add(entity: T): void {
    this.#byName.set(entity.name.toLowerCase(), entity);
  }

  /** Removes one; readers may see it until `goneAtMs`. */
  remove(entity: T, goneAtMs = 0): void {
    const name = entity.name.toLowerCase();
    this.#byName.delete(name);
    if (goneAtMs > this.#nowMs()) this.#leaving.set(name, { entity, goneAtMs });
  }
}
