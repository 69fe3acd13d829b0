import { type Db, isUniqueViolation, type Tx, transaction } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import type { Activity } from '../audit/activity-store.js'
import { type Caller, requireRole, visibleCompanies } from '../auth/caller.js'
import type { SecretsDatabase } from '../database.js'
import { claimNonce } from '../nonce/nonce-store.js'
import { type CountedSecretRow, findSecret, lockSecret, type SecretRow } from './secret-store.js'

/** Lost races (a deadlock, a serialisation failure) are run again from the start this often. */
const attemptsMax = 3

/**
 * Runs a change of a secret in one transaction with its nonce, which is taken first: a replay is then told so, and
 * not that the secret has gone. A taken name or key becomes its problem.
 */
export async function changing<T>(
  db: Db<SecretsDatabase>,
  caller: Caller,
  work: (tx: Tx<SecretsDatabase>) => Promise<T>
): Promise<T> {
  try {
    return await transaction(
      db,
      async (tx) => {
        await claimNonce(tx, caller)
        return work(tx)
      },
      { attemptsMax }
    )
  } catch (error) {
    if (isUniqueViolation(error, 'company_secrets_name_taken'))
      throw new AppError('name_taken', { detail: 'Another secret of this company has this name.' })
    if (isUniqueViolation(error, 'company_secrets_key_taken'))
      throw new AppError('key_taken', { detail: 'Another secret of this company has this key.' })
    throw error
  }
}

/** Finds a secret the caller may see; foreign and absent are the same `secret_not_found`. */
export async function getSecretOf(
  db: Db<SecretsDatabase>,
  caller: Caller,
  id: string,
  { deleted }: { deleted: 'shown' | 'hidden' } = { deleted: 'hidden' }
): Promise<CountedSecretRow> {
  const row = await findSecret(db, id, { companies: visibleCompanies(caller.actor), deleted })
  if (row === undefined) throw new AppError('secret_not_found')
  return row
}

/** As {@link getSecretOf} for a live secret, and refuses who may not change it. */
export async function getForChange(
  db: Db<SecretsDatabase>,
  caller: Caller,
  id: string
): Promise<CountedSecretRow> {
  const row = await getSecretOf(db, caller, id)
  requireRole(caller.actor, row.company_id, 'operator')
  return row
}

/** As {@link getForChange}, and locks the row: changes of one secret, and new bindings of it, wait for each other. */
export async function lockForChange(tx: Tx<SecretsDatabase>, caller: Caller, id: string): Promise<SecretRow> {
  const { company_id: companyId } = await getForChange(tx, caller, id)
  const locked = await lockSecret(tx, { companyId, id })
  if (locked === undefined) throw new AppError('secret_not_found')
  return locked
}

/** The activity of a change of a secret, with facts that are not secret. */
export function activityOf(
  action: string,
  secret: SecretRow,
  facts: Record<string, string | number | boolean> = {}
): Activity {
  return {
    companyId: secret.company_id,
    action,
    entityType: 'secret',
    entityId: secret.id,
    metadata: { key: secret.key, provider: secret.provider, ...facts }
  }
}

/** Whom a new row names as its maker. */
export function authorOf({ actor }: Caller): {
  created_by_user_id: string | null
  created_by_agent_id: string | null
} {
  return { created_by_user_id: actor.userId, created_by_agent_id: actor.agentId }
}
