import type { ImportConflict } from '@paperclip/contracts'
import type { ReferenceProblem } from '../provider/reference-rules.js'

const messages: Readonly<Record<ReferenceProblem, string>> = {
  external_ref_invalid: 'This is no reference of the provider, or it leads out of the region of the vault.',
  external_ref_managed: 'This lies where values are managed here: use the managed secret.',
  external_ref_not_allowed:
    'The deployment does not let this company use references that begin like this one.'
}

/** The conflict that a refused reference is; it never repeats the reference. */
export function guardrailConflict(problem: ReferenceProblem): ImportConflict {
  return { type: 'provider_guardrail', message: messages[problem], existingSecretId: null }
}
