import type { Db } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import { IntegrityError } from '../crypto/crypto-error.js'
import { parseEnvelope } from '../crypto/envelope-format.js'
import { open } from '../crypto/open.js'
import type { SecretsDatabase } from '../database.js'
import type { CompanyKeyring } from '../keyring/company-keyring.js'
import {
  countRemoteVersions,
  listSealedEnvironments,
  listSealedVersions,
  type SealedRow
} from './value-check-store.js'

/** Sealed values are small, and one page of them is in memory at a time. */
const rowsMax = 500
/** Enough to see what they have in common. */
const faultsMax = 20
const firstId = '00000000-0000-0000-0000-000000000000'

/** What became of every stored value. */
export interface ValueCheck {
  /** How many open: values of secrets, and the sealed plain values of environments. */
  readonly versions: number
  readonly environments: number
  /** Of companies that were deleted: their key is gone, as it should be. */
  readonly shredded: number
  /** Versions whose value lies at a provider, which was not asked. */
  readonly remote: number
  readonly failed: number
  /** The first of those that do not open, by id. */
  readonly faults: readonly { readonly row: Omit<SealedRow, 'sealed'>; readonly code: string }[]
}

/**
 * Opens every stored value and forgets it at once. Writes nothing, records nothing, asks no provider: it says whether
 * the keys of this process and the database belong together, which nobody can tell by looking at either.
 */
export async function checkValues(
  db: Db<SecretsDatabase>,
  companyKeys: Pick<CompanyKeyring, 'forOpening'>
): Promise<ValueCheck> {
  const counts = { value: 0, env: 0, shredded: 0, failed: 0 }
  const faults: { row: Omit<SealedRow, 'sealed'>; code: string }[] = []
  for (const pages of [sealedVersions, sealedEnvironments])
    for await (const row of allOf(db, pages)) {
      const code = await faultOf(companyKeys, row)
      if (code === null) counts[row.kind]++
      else if (code === 'company_shredded') counts.shredded++
      else {
        counts.failed++
        const { sealed: _sealed, ...named } = row
        if (faults.length < faultsMax) faults.push({ row: named, code })
      }
    }
  const { value: versions, env: environments, shredded, failed } = counts
  return { versions, environments, shredded, failed, faults, remote: await countRemoteVersions(db) }
}

/** A listing by pages, and the id of a row that the next page comes after. */
interface Pages {
  readonly list: typeof listSealedVersions
  readonly idOf: (row: SealedRow) => string
}

const sealedVersions: Pages = { list: listSealedVersions, idOf: ({ versionId }) => versionId }
const sealedEnvironments: Pages = { list: listSealedEnvironments, idOf: ({ secretId }) => secretId }

async function* allOf(db: Db<SecretsDatabase>, { list, idOf }: Pages): AsyncGenerator<SealedRow> {
  for (let afterId = firstId; ; ) {
    const rows = await list(db, { afterId, rowsMax })
    yield* rows
    const last = rows.at(-1)
    if (last === undefined || rows.length < rowsMax) return
    afterId = idOf(last)
  }
}

/** Null when it opens. What is no fault of the row, such as a lost database, is thrown. */
async function faultOf(
  companyKeys: Pick<CompanyKeyring, 'forOpening'>,
  { sealed, companyId, ...place }: SealedRow
): Promise<string | null> {
  try {
    const companyKey = await companyKeys.forOpening(companyId, parseEnvelope(sealed).companyKeyId)
    open(sealed, { ...place, companyKey }).fill(0)
    return null
  } catch (error) {
    if (error instanceof IntegrityError || error instanceof AppError) return error.code
    throw error
  }
}
