/**
 * The parameters of one call in AWS's Query protocol: flat names in which lists and structures are spelled with
 * dots, such as `Tags.member.1.Key`.
 */
export class QueryParameters {
  readonly #values = new Map<string, string>();

  constructor(queryString: string, body: string) {
    for (const source of [queryString, body]) {
      if (source === "") continue;
      for (const [name, value] of new URLSearchParams(source)) this.#values.set(name, value);
    }
  }

  /** The value of a parameter; undefined when it was not sent. */
  get(name: string): string | undefined {
    return this.#values.get(name);
  }

  /** The values of a list of texts, in order; undefined when none was sent. */
  list(name: string): string[] | undefined {
    return this.#entries(name, (prefix) => this.#values.get(prefix));
  }

  /** The entries of a list of structures, each as a lookup of its fields; undefined when none was sent. */
  structures(name: string, probe: string): ((field: string) => string | undefined)[] | undefined {
    return this.#entries(name, (prefix) =>
      this.#values.has(`${prefix}.${probe}`)
        ? (field: string) => this.#values.get(`${prefix}.${field}`)
        : undefined,
    );
  }

  #entries<T>(name: string, at: (prefix: string) => T | undefined): T[] | undefined {
    const found: T[] = [];
    for (let index = 1; ; index += 1) {
      const entry = at(`${name}.member.${index}`);
      if (entry === undefined) break;
      found.push(entry);
    }
    // SDKs send an empty list as the bare name with an empty value.
    return found.length > 0 || this.#values.has(name) ? found : undefined;
  }
}
