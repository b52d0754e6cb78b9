const shown = "[secret]";

/** What Node's `util.inspect`, and with it `console.log`, asks an object for. */
const inspect = Symbol.for("nodejs.util.inspect.custom");

/** A secret that cannot be printed by mistake: in a text, in JSON and in a log it is `[secret]`. */
export class Secret<Value> {
  readonly #value: Value;

  constructor(value: Value) {
    this.#value = value;
  }

  /** The secret itself, for where it is used. */
  reveal(): Value {
    return this.#value;
  }

  toString(): string {
    return shown;
  }

  toJSON(): string {
    return shown;
  }

  [inspect](): string {
    return shown;
  }
}
