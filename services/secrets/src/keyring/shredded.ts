import type { Tx } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import type { SecretsDatabase } from '../database.js'
import { findCompanyKey } from './keyring-store.js'

/** Refuses a deleted company, for what needs no key of it: nothing else would notice. Throws `company_shredded`. */
export async function refuseShredded(tx: Tx<SecretsDatabase>, companyId: string): Promise<void> {
  const key = await findCompanyKey(tx, companyId)
  if (key?.wrapped === null) throw new AppError('company_shredded')
}
