import { slugOf } from '@paperclip/contracts'
import type { Target } from '../binding/binding-store.js'

/** What a new secret is called. */
export interface SecretNaming {
  readonly key: string
  readonly name: string
  readonly description: string
}

/** With the rest of a key at most 120 characters, of a name at most 160. */
const keyStemCharsMax = 80
const nameStemCharsMax = 100
/** The random end of an id: 48 bits, enough to tell things of one company apart. */
const idTailChars = 12

/**
 * Names the secret of one variable after it and its target, so that the variables of many agents do not collide. With
 * `suffixId` the end of that id is added, for when the name or key is taken all the same.
 */
export function nameSecret(
  { targetType, targetId }: Pick<Target, 'targetType' | 'targetId'>,
  { variable, suffixId }: { variable: string; suffixId: string | null }
): SecretNaming {
  const target = `${targetType} ${targetId.slice(-idTailChars)}`
  const stem = slugOf(variable).slice(0, keyStemCharsMax).replace(/-$/, '') || 'variable'
  const suffix = suffixId === null ? '' : suffixId.slice(-idTailChars)
  return {
    key: [stem, target.replace(' ', '-'), suffix].filter((part) => part !== '').join('-'),
    name: `${variable.slice(0, nameStemCharsMax)} of ${target}${suffix === '' ? '' : ` (${suffix})`}`,
    description: `Moved out of the environment of ${targetType} ${targetId}.`
  }
}
