import { isSensitive } from '@paperclip/contracts'
import type { EnvironmentRow } from '../environment/environment-store.js'

/** The plain values of an environment: those that belong into a secret, and what is left when they have gone. */
export interface SplitValues {
  readonly inline: Map<string, string>
  readonly plain: Map<string, string>
  readonly sealed: Map<string, string>
}

/**
 * Finds what lies inline and should not, by the one matcher. A blank value is none: no secret can be blank, and strict
 * mode takes it. What was sealed stays sealed, whatever the matcher of today says.
 */
export function splitValues(
  { plain }: Pick<EnvironmentRow, 'plain'>,
  values: ReadonlyMap<string, string>
): SplitValues {
  const open = new Set(Object.keys(JSON.parse(plain)))
  const split: SplitValues = { inline: new Map(), plain: new Map(), sealed: new Map() }
  for (const [name, value] of values) {
    const isInline = value.trim() !== '' && isSensitive(name, value)
    const kind = isInline ? 'inline' : open.has(name) ? 'plain' : 'sealed'
    split[kind].set(name, value)
  }
  return split
}
