import type { ProblemCode, ProviderId } from '@paperclip/contracts'
import type { ReferencePlace } from './provider.js'

/** Why a reference may not be linked. */
export type ReferenceProblem = Extract<
  ProblemCode,
  'external_ref_invalid' | 'external_ref_managed' | 'external_ref_not_allowed'
>

/** What a provider says of references without being asked about any: text and our own rows decide. */
export interface ReferenceRules {
  /**
   * Judges references by name or full name; null for one that may be linked. Throws `provider_not_configured` where
   * the place leads nowhere.
   */
  judgeAll(
    references: readonly string[],
    where: ReferencePlace
  ): Promise<readonly (ReferenceProblem | null)[]>
  /**
   * The ways in which one remote secret may have been linked, the given one first. The last is its name, as far as
   * the text tells.
   */
  spellingsOf(externalRef: string): readonly string[]
  /** Says whether text can name a version. */
  isVersionRef(providerVersionRef: string): boolean
}

/** Finds the rules of a provider; null for one that has no external references here. */
export type FindReferenceRules = (provider: ProviderId) => ReferenceRules | null
