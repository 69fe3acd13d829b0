import type { ReferenceRules } from '../reference-rules.js'
import { isVersionRef, spellingsOf } from './aws-reference-name.js'
import type { ReferenceGuard } from './reference-guard.js'

/** What imports need to know of references to AWS: text and our own rows, and no client in sight. */
export function createAwsReferenceRules({ judgeAll }: Pick<ReferenceGuard, 'judgeAll'>): ReferenceRules {
  return { judgeAll, spellingsOf, isVersionRef }
}
