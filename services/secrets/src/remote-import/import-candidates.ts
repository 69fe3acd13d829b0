import type { ImportCandidate, ImportConflict } from '@paperclip/contracts'
import type { RemoteReference } from '../provider/reference-lister.js'
import type { ReferenceProblem } from '../provider/reference-rules.js'
import { guardrailConflict } from './guardrail-conflict.js'
import { nameProblem, suggestName } from './import-suggestion.js'
import type { OccupiedPlaces } from './occupied-places.js'

/** A remote secret and why it may not be linked; null when it may. */
export interface JudgedReference {
  readonly reference: RemoteReference
  readonly problem: ReferenceProblem | null
}

/**
 * Says of each remote secret of a page how it could be imported, and what is in the way. Of two that want one name or
 * key the first is ready. What stays behind: description, tags and key of the remote secret.
 */
export function toCandidates(
  judged: readonly JudgedReference[],
  occupied: OccupiedPlaces
): ImportCandidate[] {
  return judged.map(({ reference, problem }) => {
    const wanted = { externalRef: reference.externalRef, ...suggestName(reference.remoteName) }
    const collisions = occupied.conflictsOf(wanted)
    const isLinked = collisions.some(({ type }) => type === 'exact_reference')
    const conflicts = isLinked ? collisions : [...obstaclesOf(wanted, problem), ...collisions]
    const isReady = conflicts.length === 0
    if (isReady) occupied.take(wanted, null)
    return {
      ...wanted,
      remoteName: reference.remoteName,
      providerVersionRef: null,
      providerMetadata: {
        createdDate: reference.createdDate?.toISOString() ?? null,
        lastChangedDate: reference.lastChangedDate?.toISOString() ?? null,
        hasDescription: reference.hasDescription,
        hasKmsKey: reference.hasKmsKey,
        tagCount: reference.tagCount
      },
      status: isLinked ? 'duplicate' : isReady ? 'ready' : 'conflict',
      importable: isReady,
      conflicts
    }
  })
}

/** What would be refused even if nothing else were here. */
function obstaclesOf(
  wanted: { name: string; key: string },
  problem: ReferenceProblem | null
): ImportConflict[] {
  const unfit = nameProblem(wanted)
  return [
    ...(problem === null ? [] : [guardrailConflict(problem)]),
    ...(unfit === null ? [] : [{ ...unfitNames[unfit], existingSecretId: null }])
  ]
}

const unfitNames = {
  name_invalid: { type: 'name', message: 'No name can be made of the remote one: give one.' },
  key_required: { type: 'key', message: 'No key can be made of the remote name: give one.' },
  infra_secret: {
    type: 'name',
    message: 'The deployment itself keeps a secret of this name: give another one.'
  }
} as const
