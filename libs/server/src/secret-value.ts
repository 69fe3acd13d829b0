import { inspect } from 'node:util'

/** Holds something that may never be printed: text, JSON and inspection all say `[secret]`. */
export class SecretValue {
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  /** The text itself. Every use of this is a place to review. */
  reveal(): string {
    return this.#text
  }

  toString(): string {
    return '[secret]'
  }

  toJSON(): string {
    return '[secret]'
  }

  [inspect.custom](): string {
    return '[secret]'
  }
}
