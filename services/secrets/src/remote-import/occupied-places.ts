import type { ImportConflict, ImportConflictType } from '@paperclip/contracts'
import type { ReferenceRules } from '../provider/reference-rules.js'
import type { TakenSecret } from './remote-import-store.js'

/** What a row wants to be. */
export interface WantedPlace {
  readonly externalRef: string
  readonly name: string
  readonly key: string
}

/** The names, keys and references that are taken, by live secrets or by earlier rows. */
export interface OccupiedPlaces {
  /**
   * What a row collides with. One that is linked already collides with nothing else: its name and key are most likely
   * its own.
   */
  conflictsOf(wanted: WantedPlace): ImportConflict[]
  /** Gives a row what it wants; `secretId` is null while there is no such secret. */
  take(wanted: WantedPlace, secretId: string | null): void
}

/** Starts with what live secrets have. Two references are the same when one is a spelling of the other. */
export function createOccupiedPlaces(
  taken: readonly TakenSecret[],
  { spellingsOf }: Pick<ReferenceRules, 'spellingsOf'>
): OccupiedPlaces {
  const names = new Map<string, string | null>()
  const keys = new Map<string, string | null>()
  const references = new Map<string, string | null>()
  // Of each reference every spelling, so that a shorter one finds it; the last one wins, either is true.
  const shorterForms = new Map<string, string | null>()

  function take({ externalRef, name, key }: WantedPlace, secretId: string | null): void {
    names.set(name, secretId)
    keys.set(key, secretId)
    link(externalRef, secretId)
  }

  function link(externalRef: string, secretId: string | null): void {
    references.set(externalRef, secretId)
    for (const spelling of spellingsOf(externalRef)) shorterForms.set(spelling, secretId)
  }

  function linkedAs(externalRef: string): string | null | undefined {
    const spelling = spellingsOf(externalRef).find((each) => references.has(each))
    return spelling === undefined ? shorterForms.get(externalRef) : references.get(spelling)
  }

  for (const { id, key, name, linked_ref: linked, is_shown: isShown } of taken) {
    const shownId = isShown ? id : null
    names.set(name, shownId)
    keys.set(key, shownId)
    if (linked !== null) link(linked, shownId)
  }

  return {
    take,
    conflictsOf({ externalRef, name, key }) {
      const linked = linkedAs(externalRef)
      if (linked !== undefined) return [conflictOf('exact_reference', linked)]
      const [named, keyed] = [names.get(name), keys.get(key)]
      return [
        ...(named === undefined ? [] : [conflictOf('name', named)]),
        ...(keyed === undefined ? [] : [conflictOf('key', keyed)])
      ]
    }
  }
}

const messages: Readonly<Record<Exclude<ImportConflictType, 'provider_guardrail'>, string>> = {
  exact_reference: 'A secret links this through the same vault already.',
  name: 'Another secret, or a row before this one, has this name.',
  key: 'Another secret, or a row before this one, has this key.'
}

function conflictOf(type: keyof typeof messages, existingSecretId: string | null): ImportConflict {
  return { type, message: messages[type], existingSecretId }
}
