import { newId } from '@paperclip/contracts'
import { type Db, transaction } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import {
  type CompanyKey,
  generateCompanyKey,
  unwrapCompanyKey,
  wrapCompanyKey
} from '../crypto/company-key.js'
import { IntegrityError } from '../crypto/crypto-error.js'
import { systemRandomBytes } from '../crypto/random-bytes.js'
import type { SecretsDatabase } from '../database.js'
import { findActiveMasterKeyId, findCompanyKey, insertCompanyKey, lockMasterKeys } from './keyring-store.js'
import { getKek, type MasterKeyring } from './master-keyring.js'

/** Company keys, unwrapped on first use and kept: what may be opened is asked of the database each time. */
export interface CompanyKeyring {
  /** The key to seal with; made on first use. Throws `company_shredded`, `master_key_unavailable`. */
  forSealing(companyId: string): Promise<CompanyKey>
  /** The key that opens what carries its id. Throws as above, and {@link IntegrityError} for an unknown id. */
  forOpening(companyId: string, companyKeyId: string): Promise<CompanyKey>
  /** As `forOpening`, when it was used before. */
  findOpen(companyId: string, companyKeyId: string): CompanyKey | undefined
}

/** Makes the keyring of one process. It holds at most one small key per company. */
export function createCompanyKeyring(
  db: Db<SecretsDatabase>,
  masterKeys: Pick<MasterKeyring, 'find'>
): CompanyKeyring {
  const open = new Map<string, CompanyKey>()

  async function load(companyId: string): Promise<CompanyKey | undefined> {
    const row = await findCompanyKey(db, companyId)
    if (row === undefined) return undefined
    if (row.wrapped === null || row.master_key_id === null) {
      open.delete(row.id)
      throw new AppError('company_shredded', {
        detail: 'The company was deleted; its secrets cannot be used.'
      })
    }
    const known = open.get(row.id)
    if (known !== undefined) return known
    // A retired key opens nothing, even what somebody puts back from a backup.
    if (row.master_key_retired_at !== null)
      throw new AppError('master_key_unavailable', { context: { masterKeyId: row.master_key_id } })
    const kek = getKek(masterKeys, row.master_key_id)
    const key = unwrapCompanyKey(row.wrapped, { kek, id: row.id, companyId })
    open.set(row.id, key)
    return key
  }

  async function create(companyId: string): Promise<void> {
    const key = generateCompanyKey({ id: newId(), companyId, randomBytes: systemRandomBytes })
    await transaction(
      db,
      async (tx) => {
        await lockMasterKeys(tx, 'to use')
        const kek = getKek(masterKeys, await findActiveMasterKeyId(tx))
        await insertCompanyKey(tx, {
          id: key.id,
          company_id: companyId,
          master_key_id: kek.id,
          wrapped: wrapCompanyKey(key, { kek, randomBytes: systemRandomBytes })
        })
      },
      { attemptsMax: 3 }
    )
  }

  return {
    async forSealing(companyId) {
      const found = await load(companyId)
      if (found !== undefined) return found
      await create(companyId)
      // Another process may have been first: only what is stored counts.
      const made = await load(companyId)
      if (made === undefined) throw new TypeError('a company key vanished after it was made')
      return made
    },
    async forOpening(companyId, companyKeyId) {
      const key = open.get(companyKeyId) ?? (await load(companyId))
      if (key === undefined || key.id !== companyKeyId || key.companyId !== companyId)
        throw new IntegrityError()
      return key
    },
    findOpen(companyId, companyKeyId) {
      const key = open.get(companyKeyId)
      return key?.companyId === companyId ? key : undefined
    }
  }
}
