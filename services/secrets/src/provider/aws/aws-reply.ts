import type { AwsOperation } from './aws-call.js'
import { AwsError } from './aws-error.js'

/** The members of an answer, read strictly: one that is not what the documentation says is no answer. */
export class AwsReplyReader {
  readonly #operation: AwsOperation
  readonly #members: Readonly<Record<string, unknown>>

  constructor(operation: AwsOperation, members: Readonly<Record<string, unknown>>) {
    this.#operation = operation
    this.#members = members
  }

  text(name: string, { charactersMax }: { charactersMax: number }): string {
    const found = this.optionalText(name, { charactersMax })
    if (found === null || found === '') throw this.unreadable()
    return found
  }

  optionalText(name: string, { charactersMax }: { charactersMax: number }): string | null {
    const found = this.#members[name]
    if (found === undefined || found === null) return null
    if (typeof found !== 'string' || found.length > charactersMax) throw this.unreadable()
    return found
  }

  /** Dates are seconds since 1970, with a fraction. */
  date(name: string): Date | null {
    const found = this.#members[name]
    if (found === undefined || found === null) return null
    const date = new Date(typeof found === 'number' ? found * 1000 : Number.NaN)
    if (Number.isNaN(date.getTime())) throw this.unreadable()
    return date
  }

  list(name: string, { entriesMax }: { entriesMax: number }): readonly AwsReplyReader[] {
    const found = this.#members[name] ?? []
    if (!Array.isArray(found) || found.length > entriesMax) throw this.unreadable()
    return found.map((entry: unknown) => {
      if (typeof entry !== 'object' || entry === null) throw this.unreadable()
      return new AwsReplyReader(this.#operation, entry as Readonly<Record<string, unknown>>)
    })
  }

  has(name: string): boolean {
    return this.#members[name] !== undefined && this.#members[name] !== null
  }

  /** The error for an answer that means nothing: the call itself may well have worked. */
  unreadable(): AwsError {
    const operation = this.#operation
    return new AwsError({ operation, kind: 'unavailable', failure: 'unreadable', mayHaveActed: true })
  }
}
