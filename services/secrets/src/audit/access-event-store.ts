import { type AccessEventQuery, parseEventId, resolveIdOf } from '@paperclip/contracts'
import type { Db } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import { type Selectable, sql } from 'kysely'
import { type Caller, openerOf, principalOf } from '../auth/caller.js'
import type { AccessEventTable, SecretsDatabase } from '../database.js'

/** An access event as it is stored. */
export type AccessEventRow = Selectable<AccessEventTable>

/**
 * One page of a company's events, newest first, after the event with id `after`. Served by the primary key, or by
 * `secret_access_events_of_secret` when a secret is named; both are in order of time.
 */
export function listAccessEvents(
  db: Db<SecretsDatabase>,
  companyId: string,
  { filter, after, rowsMax }: { filter: AccessEventQuery; after: string | null; rowsMax: number }
): Promise<AccessEventRow[]> {
  let query = db.selectFrom('secret_access_events').selectAll().where('company_id', '=', companyId)
  if (filter.secretId !== undefined) query = query.where('secret_id', '=', filter.secretId)
  if (filter.runId !== undefined) query = query.where('run_id', '=', filter.runId)
  if (filter.agentId !== undefined)
    query = query.where('actor_type', '=', 'agent').where('actor_id', '=', filter.agentId.toLowerCase())
  if (filter.outcome !== undefined) query = query.where('outcome', '=', filter.outcome)
  if (filter.from !== undefined) query = query.where('created_at', '>=', new Date(filter.from))
  if (filter.to !== undefined) query = query.where('created_at', '<', new Date(filter.to))
  if (after !== null) {
    const { resolveId, ordinal } = parseEventId(after)
    query = query.where(sql<boolean>`(resolve_id, ordinal) < (${resolveId}, ${ordinal})`)
  }
  return query.orderBy('resolve_id', 'desc').orderBy('ordinal', 'desc').limit(rowsMax).execute()
}

/**
 * Records that a caller tried to enter a company it may not enter, in that company's own record. The id is made of
 * the request's nonce, so that a replay on any replica meets the first one's key and is `replayed`.
 */
export async function insertForeignAttempt(
  db: Db<SecretsDatabase>,
  caller: Caller,
  companyId: string
): Promise<void> {
  const { type, id } = principalOf(caller)
  const written = await db
    .insertInto('secret_access_events')
    .values({
      company_id: companyId,
      resolve_id: resolveIdOf(Buffer.from(caller.nonce.nonce, 'base64url'), caller.nonce.createdMs),
      ordinal: 0,
      secret_id: null,
      secret_key: null,
      version: null,
      provider: null,
      actor_type: type,
      actor_id: id,
      opened_by: JSON.stringify(openerOf(caller)),
      target_type: null,
      target_id: null,
      config_path: null,
      run_id: caller.actor.runId,
      outcome: 'denied',
      code: 'company_forbidden',
      follows_event_id: null,
      request_id: caller.actor.requestId
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning('resolve_id')
    .executeTakeFirst()
  if (written === undefined) throw new AppError('replayed')
}
