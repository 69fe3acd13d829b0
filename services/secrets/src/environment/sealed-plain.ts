import type { Target } from '../binding/binding-store.js'
import type { CompanyKey } from '../crypto/company-key.js'
import { open } from '../crypto/open.js'
import { systemRandomBytes } from '../crypto/random-bytes.js'
import { seal } from '../crypto/seal.js'
import type { EnvironmentRow } from './environment-store.js'

/** Seals the sensitive plain values of an environment as one JSON object, bound to its target and revision. */
export function sealPlainValues(
  values: ReadonlyMap<string, string>,
  { companyKey, target, revisionId }: { companyKey: CompanyKey; target: Target; revisionId: string }
): Buffer | null {
  if (values.size === 0) return null
  const json = Buffer.from(JSON.stringify(Object.fromEntries(values)))
  return seal(json, {
    companyKey,
    secretId: target.targetId,
    versionId: revisionId,
    kind: 'env',
    randomBytes: systemRandomBytes
  })
}

/** Gives every plain value of a stored environment, sealed ones opened. */
export function openPlainValues(
  row: EnvironmentRow,
  { companyKey, target }: { companyKey: CompanyKey; target: Target }
): Map<string, string> {
  const values = new Map<string, string>(Object.entries(JSON.parse(row.plain)))
  if (row.sealed === null) return values
  const json = open(row.sealed, {
    companyKey,
    secretId: target.targetId,
    versionId: row.revision_id,
    kind: 'env'
  })
  for (const [name, value] of Object.entries<string>(JSON.parse(json.toString()))) values.set(name, value)
  return values
}
