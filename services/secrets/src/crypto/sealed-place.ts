/**
 * Where a sealed value belongs, and how that is authenticated: `seal` and `open` both take their
 * associated data and their size limits from here.
 */
import type { CompanyKey } from './company-key.js'
import { bytesOfFields, textField, uuidField } from './length-prefixed.js'

/** The longest secret value: 64 KiB, as the HTTP contract says. */
export const VALUE_BYTES_MAX = 65_536
/** The longest sealed environment: room for 256 KiB of plain values after JSON escaping. */
export const ENV_BYTES_MAX = 1_048_576

/** What a plaintext is: the value of a secret's version, or the plain entries of an environment. */
export type SealedKind = 'value' | 'env'

/** How long a plaintext of each kind may be, in bytes; it may also be empty. */
export const PLAINTEXT_BYTES_MAX: Readonly<Record<SealedKind, number>> = {
  value: VALUE_BYTES_MAX,
  env: ENV_BYTES_MAX
}

/** The row a sealed value belongs to. Ids are UUIDs in 36-character lower-case text. */
export interface SealedPlace {
  /** The secret; for kind `env`, the environment. */
  readonly secretId: string
  /** The version's id, not its number: a value can be sealed before its number is known. */
  readonly versionId: string
  readonly kind: SealedKind
}

const SEAL_LABEL = textField('paperclip-seal-1')
const KIND_FIELDS: Readonly<Record<SealedKind, string>> = { value: textField('value'), env: textField('env') }
/** What is the same for every row of a company key: checked and joined once, not for each value opened. */
const heads = new WeakMap<CompanyKey, string>()

/**
 * Gives the associated data: label, company key id, company id, secret id, version id, kind, each after
 * its length. A ciphertext moved to another row, company or column therefore does not open.
 */
export function sealAssociatedData(
  companyKey: CompanyKey,
  { secretId, versionId, kind }: SealedPlace
): Buffer {
  const head = heads.get(companyKey) ?? rememberHead(companyKey)
  return bytesOfFields(head + uuidField(secretId) + uuidField(versionId) + KIND_FIELDS[kind])
}

function rememberHead(companyKey: CompanyKey): string {
  const head = SEAL_LABEL + uuidField(companyKey.id) + uuidField(companyKey.companyId)
  heads.set(companyKey, head)
  return head
}
