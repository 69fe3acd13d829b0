import {
  type ImportConflict,
  type ImportReason,
  type ImportResult,
  type ImportRow,
  slugOf
} from '@paperclip/contracts'
import type { ReferenceProblem, ReferenceRules } from '../provider/reference-rules.js'
import { refuseCredential } from '../secret/secret-input.js'
import { guardrailConflict } from './guardrail-conflict.js'
import { type ImportName, nameProblem, suggestName } from './import-suggestion.js'
import type { WantedPlace } from './occupied-places.js'

/** A row that nothing is wrong with in itself. */
export interface SoundRow extends WantedPlace {
  readonly description: string | null
  readonly providerVersionRef: string | null
  readonly providerMetadata: Readonly<Record<string, string | number | boolean | null>> | null
}

/** A row as it was sent with its name, and either what is to be made of it or why nothing is. */
export type CheckedRow =
  | { readonly sound: SoundRow }
  | { readonly sound: null; readonly refused: ImportResult }

/** Rules that need no provider. */
type Rules = Pick<ReferenceRules, 'spellingsOf' | 'isVersionRef'>

/** A reference is one line without blanks around it; anything else is not even judged. */
export function isTidyReference(externalRef: string): boolean {
  return externalRef === externalRef.trim() && !/\p{Cc}/u.test(externalRef)
}

const textMembers = ['externalRef', 'name', 'key', 'description', 'providerVersionRef'] as const

/**
 * Refuses all rows when one holds a value where a name belongs: results repeat names, so no row can be told of it alone.
 * Gives what people wrote, for whoever knows values of another kind.
 */
export function textOfRows(rows: readonly ImportRow[]): string[] {
  return rows.flatMap((row, index) =>
    textMembers.flatMap((member) => {
      const text = row[member]
      if (text == null) return []
      refuseCredential(`/secrets/${index}/${member}`, text)
      return [text]
    })
  )
}

/** Checks one row for itself; `problem` is what the provider's rules say of its reference. */
export function checkRow(row: ImportRow, problem: ReferenceProblem | null, rules: Rules): CheckedRow {
  const named = nameOf(row, rules)
  const reason = problem ?? reasonOf(row, named, rules)
  if (reason !== null) {
    const conflicts = problem === null ? [] : [guardrailConflict(problem)]
    return { sound: null, refused: refusedRow(row, named, { reason, conflicts }) }
  }
  return {
    sound: {
      ...named,
      externalRef: row.externalRef,
      description: row.description?.trim() || null,
      providerVersionRef: row.providerVersionRef ?? null,
      providerMetadata: keptMetadata(row)
    }
  }
}

/** The name and key that were sent, else those that a preview would have proposed. */
function nameOf({ name, key, externalRef }: ImportRow, { spellingsOf }: Rules): ImportName {
  const called =
    name === undefined
      ? suggestName(spellingsOf(externalRef).at(-1) ?? externalRef)
      : { name: name.trim(), key: slugOf(name) }
  return { name: called.name, key: key === undefined ? called.key : key.toLowerCase() }
}

function reasonOf(
  { providerVersionRef }: ImportRow,
  named: ImportName,
  { isVersionRef }: Rules
): ImportReason | null {
  if (
    providerVersionRef != null &&
    !(isTidyReference(providerVersionRef) && isVersionRef(providerVersionRef))
  )
    return 'version_ref_invalid'
  return nameProblem(named)
}

/** The schema is closed: flags, a number and dates, so that nothing else can be in it. Dates are kept in one form. */
function keptMetadata({ providerMetadata }: ImportRow): SoundRow['providerMetadata'] {
  if (providerMetadata == null) return null
  const { createdDate, lastChangedDate, ...facts } = providerMetadata
  return {
    ...facts,
    ...(createdDate === undefined ? {} : { createdDate: toIso(createdDate) }),
    ...(lastChangedDate === undefined ? {} : { lastChangedDate: toIso(lastChangedDate) })
  }
}

function toIso(instant: string | null): string | null {
  return instant === null ? null : new Date(instant).toISOString()
}

function refusedRow(
  { externalRef }: ImportRow,
  { name, key }: ImportName,
  { reason, conflicts }: { reason: ImportReason; conflicts: ImportConflict[] }
): ImportResult {
  return { externalRef, name, key, status: 'error', reason, secretId: null, conflicts }
}

const reasonOfConflict = {
  exact_reference: 'exact_reference',
  name: 'name_taken',
  key: 'key_taken',
  provider_guardrail: 'external_ref_not_allowed'
} as const satisfies Record<ImportConflict['type'], ImportReason>

/** What is said of a row that collides. */
export function skippedRow(
  { externalRef, name, key }: WantedPlace,
  conflicts: ImportConflict[]
): ImportResult {
  const [first] = conflicts
  const reason = first === undefined ? null : reasonOfConflict[first.type]
  return { externalRef, name, key, status: 'skipped', reason, secretId: null, conflicts }
}

/** What is said of a row that has become a secret. */
export function importedRow({ externalRef, name, key }: WantedPlace, secretId: string): ImportResult {
  return { externalRef, name, key, status: 'imported', reason: null, secretId, conflicts: [] }
}
