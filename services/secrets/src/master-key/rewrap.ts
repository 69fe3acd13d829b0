import { type Db, transaction } from '@paperclip/db'
import { AppError, type Logger } from '@paperclip/server'
import { insertActivity } from '../audit/activity-store.js'
import type { Caller } from '../auth/caller.js'
import { unwrapCompanyKey, wrapCompanyKey } from '../crypto/company-key.js'
import { IntegrityError } from '../crypto/crypto-error.js'
import type { Kek } from '../crypto/master-key.js'
import { systemRandomBytes } from '../crypto/random-bytes.js'
import type { SecretsDatabase } from '../database.js'
import { findActiveMasterKeyId, lockMasterKeys } from '../keyring/keyring-store.js'
import { getKek, type MasterKeyring } from '../keyring/master-keyring.js'
import { rewrappedActivity } from './master-key-activity.js'
import { lockToRewrap, updateWrapped, type WrappedRow } from './master-key-store.js'

/** Company keys of one transaction: few enough that a writer who waits for one of them waits some milliseconds. */
const batchRowsMax = 20
/** One call goes on for this long, well below what the gateway waits; whoever called asks for the rest. */
const callMsMax = 3_000

/** What a call needs. */
export interface RewrapDeps {
  readonly db: Db<SecretsDatabase>
  readonly masterKeys: MasterKeyring
  readonly logger: Logger
}

/** What it did. */
export interface Rewrapped {
  readonly rewrapped: number
  readonly failed: number
}

/**
 * Wraps company keys again, under the active master key, batch by batch until none is left or the time is up.
 *
 * Each batch commits with its activity row, or not at all: a call that is cut off anywhere leaves every company key
 * wrapped by one of the two, and the next one goes on. Values are not touched, and readers wait for nothing. A
 * company key that does not verify is left as it is and counted. Throws `state_conflict` when another key has become
 * active, and `master_key_unavailable`.
 */
export async function rewrapAll(deps: RewrapDeps, caller: Caller, masterKeyId: string): Promise<Rewrapped> {
  const endsAtMs = performance.now() + callMsMax
  const total = { rewrapped: 0, failed: 0 }
  for (let after: string | null = null; ; ) {
    const batch: Batch = await rewrapBatch(deps, caller, { masterKeyId, after })
    total.rewrapped += batch.rewrapped
    total.failed += batch.failed
    if (batch.lastId === null || performance.now() > endsAtMs) return total
    after = batch.lastId
  }
}

interface Batch extends Rewrapped {
  /** Null: there was none. */
  readonly lastId: string | null
}

function rewrapBatch(
  { db, masterKeys, logger }: RewrapDeps,
  caller: Caller,
  { masterKeyId, after }: { masterKeyId: string; after: string | null }
): Promise<Batch> {
  const kek = getKek(masterKeys, masterKeyId)
  return transaction(
    db,
    async (tx) => {
      await lockMasterKeys(tx, 'to use')
      if ((await findActiveMasterKeyId(tx)) !== masterKeyId)
        throw new AppError('state_conflict', { detail: 'Another master key has become the active one.' })
      const rows = await lockToRewrap(tx, { masterKeyId, after, rowsMax: batchRowsMax })
      const fresh = rows.flatMap((row) => rewrap(row, { kek, masterKeys, logger }))
      if (fresh.length > 0) {
        await updateWrapped(tx, masterKeyId, fresh)
        await insertActivity(tx, caller, rewrappedActivity(masterKeyId, fresh.length))
      }
      return {
        rewrapped: fresh.length,
        failed: rows.length - fresh.length,
        lastId: rows.at(-1)?.id ?? null
      }
    },
    { attemptsMax: 3 }
  )
}

function rewrap(
  { id, company_id: companyId, master_key_id, wrapped }: WrappedRow,
  { kek, masterKeys, logger }: { kek: Kek; masterKeys: MasterKeyring; logger: Logger }
): { id: string; wrapped: Buffer }[] {
  const former = getKek(masterKeys, master_key_id)
  try {
    const companyKey = unwrapCompanyKey(wrapped, { kek: former, id, companyId })
    return [{ id, wrapped: wrapCompanyKey(companyKey, { kek, randomBytes: systemRandomBytes }) }]
  } catch (error) {
    if (!(error instanceof IntegrityError)) throw error
    logger.error(
      { companyId, companyKeyId: id },
      'a stored company key does not verify; it was not wrapped again'
    )
    return []
  }
}
