/**
 * What an environment takes, as far as it can be said without a database: for the service that stores one, and for
 * whoever checks many before the first is stored. No message repeats what was sent.
 */
import { looksLikeCredential } from './credential-shape.js'
import { environmentNameExpression } from './environment.js'
import { limits } from './limits.js'
import type { ProblemEntry } from './problem.js'

/** A fault of one entry; where it stands is the caller's to say. */
export type EnvironmentFault = Omit<ProblemEntry, 'pointer'>

/** Characters of a name that a refusal repeats. */
const shownCharsMax = 80

/** Where an entry stands in the body, as a JSON pointer (RFC 6901). A value in the place of a name is not repeated. */
export function environmentPointer(name: string, { under = '' }: { under?: string } = {}): string {
  if (looksLikeCredential(name)) return `${under}/env/…`
  const step = name.length > shownCharsMax ? `${name.slice(0, shownCharsMax)}…` : name
  return `${under}/env/${step.replaceAll('~', '~0').replaceAll('/', '~1')}`
}

/** Why no variable may have this name; undefined when one may. */
export function variableNameFault(name: string): EnvironmentFault | undefined {
  if (looksLikeCredential(name))
    return { code: 'name_invalid', message: 'the name looks like a value: names are shown to every member' }
  if (!environmentNameExpression.test(name))
    return {
      code: 'name_invalid',
      message: 'the name must be letters, digits and _, and not begin with a digit'
    }
  if (name.toUpperCase().startsWith('PAPERCLIP_'))
    return { code: 'name_reserved', message: 'names that begin with PAPERCLIP_ belong to the product' }
  return undefined
}

/** Why no plain value may be this text; undefined when one may. */
export function plainValueFault(text: string): EnvironmentFault | undefined {
  if (text.includes('\0')) return { code: 'value_invalid', message: 'a value cannot hold a NUL character' }
  if (byteLength(text) > limits.plainValueBytesMax)
    return { code: 'value_too_large', message: `a plain value may have ${limits.plainValueBytesMax} bytes` }
  return undefined
}

/** The fault of plain values that are too large together. */
export function plainValuesFault(values: Iterable<string>): EnvironmentFault | undefined {
  let bytes = 0
  for (const value of values) bytes += byteLength(value)
  if (bytes <= limits.plainValuesBytesMax) return undefined
  return {
    code: 'plain_values_too_large',
    message: `plain values may have ${limits.plainValuesBytesMax} bytes together`
  }
}

/** In UTF-8. */
function byteLength(text: string): number {
  return new TextEncoder().encode(text).length
}
