import type { OpenedBy, RunView } from '@paperclip/contracts'
import type { Db, Tx } from '@paperclip/db'
import { type Selectable, sql } from 'kysely'
import type { GatewayDatabase, RunTable } from '../database.js'
import type { PageRequest } from '../paging.js'

/** Gives a row the form of the wire. */
export function toRun(row: Selectable<RunTable>): RunView {
  return {
    id: row.id,
    companyId: row.company_id,
    agentId: row.agent_id,
    projectId: row.project_id,
    status: row.status,
    openedBy: {
      actorType: row.opened_by_actor_type,
      actorId: row.opened_by_actor_id,
      credentialKind: row.opened_by_credential_kind,
      credentialId: row.opened_by_credential_id
    },
    leaseExpiresAt: row.lease_expires_at?.toISOString() ?? null,
    expiresAt: row.expires_at.toISOString(),
    startedAt: row.started_at.toISOString(),
    finishedAt: row.finished_at?.toISOString() ?? null
  }
}

/** What a run is opened with. */
export interface NewRun {
  id: string
  companyId: string
  agentId: string
  projectId: string | null
  openedBy: OpenedBy
  ttlSeconds: number
  leaseSeconds: number | null
}

/** Still open by the database's clock: neither closed nor past its end or lease. */
const isLive = sql<boolean>`status = 'running' and expires_at > now()
  and (lease_expires_at is null or lease_expires_at > now())`

/** Opens a run. Its end is a whole second, because its token can only say whole seconds. */
export async function insertRun(tx: Tx<GatewayDatabase>, run: NewRun): Promise<RunView> {
  const row = await tx
    .insertInto('runs')
    .values({
      id: run.id,
      company_id: run.companyId,
      agent_id: run.agentId,
      project_id: run.projectId,
      opened_by_actor_type: run.openedBy.actorType,
      opened_by_actor_id: run.openedBy.actorId,
      opened_by_credential_kind: run.openedBy.credentialKind,
      opened_by_credential_id: run.openedBy.credentialId,
      lease_seconds: run.leaseSeconds,
      lease_expires_at: run.leaseSeconds === null ? null : after(run.leaseSeconds),
      expires_at: endAfter(run.ttlSeconds),
      finished_at: null
    })
    .returningAll()
    .executeTakeFirstOrThrow()
  return toRun(row)
}

/** Lists a company's runs newest first, one more than a page. Index: `runs_company`. */
export async function listRunRows(
  db: Db<GatewayDatabase>,
  companyId: string,
  { rowsMax, before }: PageRequest
): Promise<RunView[]> {
  let query = db.selectFrom('runs').selectAll().where('company_id', '=', companyId)
  if (before !== undefined) query = query.where('id', '<', before)
  const rows = await query
    .orderBy('id', 'desc')
    .limit(rowsMax + 1)
    .execute()
  return rows.map(toRun)
}

/** Finds a run of a company. */
export async function findRun(
  db: Db<GatewayDatabase>,
  { companyId, runId }: { companyId: string; runId: string }
): Promise<RunView | undefined> {
  const row = await db
    .selectFrom('runs')
    .selectAll()
    .where('company_id', '=', companyId)
    .where('id', '=', runId)
    .executeTakeFirst()
  return row && toRun(row)
}

/**
 * Moves a live run's lease, and its end when that becomes later; undefined when the run is not live any more.
 * `extended`: the end was moved.
 */
export async function renewRunRow(
  db: Db<GatewayDatabase>,
  runId: string,
  { ttlSeconds }: { ttlSeconds: number | undefined }
): Promise<{ run: RunView; extended: boolean } | undefined> {
  const before = await db
    .with('old', (query) =>
      query.selectFrom('runs').select(['id', 'expires_at']).where('id', '=', runId).forUpdate()
    )
    .updateTable('runs')
    .from('old')
    .set({
      lease_expires_at: sql<Date | null>`now() + make_interval(secs => runs.lease_seconds)`,
      ...(ttlSeconds === undefined
        ? {}
        : { expires_at: sql<Date>`greatest(runs.expires_at, ${endAfter(ttlSeconds)})` })
    })
    .whereRef('runs.id', '=', 'old.id')
    .where(
      sql<boolean>`runs.status = 'running' and runs.expires_at > now()
        and (runs.lease_expires_at is null or runs.lease_expires_at > now())`
    )
    .returningAll('runs')
    .returning(sql<boolean>`runs.expires_at > old.expires_at`.as('extended'))
    .executeTakeFirst()
  return before && { run: toRun(before), extended: before.extended }
}

/** Closes a live run; undefined when it is not live. */
export async function finishRunRow(
  tx: Tx<GatewayDatabase>,
  { companyId, runId }: { companyId: string; runId: string },
  status: 'succeeded' | 'failed' | 'cancelled'
): Promise<RunView | undefined> {
  const row = await tx
    .updateTable('runs')
    .set({ status, finished_at: sql<Date>`now()` })
    .where('company_id', '=', companyId)
    .where('id', '=', runId)
    .where(isLive)
    .returningAll()
    .executeTakeFirst()
  return row && toRun(row)
}

/** Whose runs to close. */
export type RunOwner = { companyId: string } | { agentId: string } | { projectId: string }

/** Closes the runs of a company, agent or project that are still open, and gives them. */
export async function cancelRunRows(tx: Tx<GatewayDatabase>, owner: RunOwner): Promise<RunView[]> {
  let query = tx
    .updateTable('runs')
    .set({ status: 'cancelled', finished_at: sql<Date>`now()` })
    .where('status', '=', 'running')
  if ('companyId' in owner) query = query.where('company_id', '=', owner.companyId)
  else if ('agentId' in owner) query = query.where('agent_id', '=', owner.agentId)
  else query = query.where('project_id', '=', owner.projectId)
  const rows = await query.returningAll().execute()
  return rows.map(toRun)
}

/** Deletes up to `rowsMax` runs of a company, and gives the number. Index: `runs_company`. */
export async function deleteRunRows(
  tx: Tx<GatewayDatabase>,
  companyId: string,
  { rowsMax }: { rowsMax: number }
): Promise<number> {
  const { numDeletedRows } = await tx
    .deleteFrom('runs')
    .where('id', 'in', (some) =>
      some.selectFrom('runs').select('id').where('company_id', '=', companyId).limit(rowsMax)
    )
    .executeTakeFirst()
  return Number(numDeletedRows)
}

/**
 * Closes up to `rowsMax` open runs whose end or lease has passed, and gives them; `runId` narrows it to one.
 * Index: `runs_due`. Two gateways that sweep at once close different ones.
 */
export async function expireRunRows(
  tx: Tx<GatewayDatabase>,
  { rowsMax, runId }: { rowsMax: number; runId?: string }
): Promise<RunView[]> {
  let due = tx
    .selectFrom('runs')
    .select('id')
    .where('status', '=', 'running')
    .where(sql<boolean>`least(expires_at, lease_expires_at) <= now()`)
    .limit(rowsMax)
  due = runId === undefined ? due.forUpdate().skipLocked() : due.where('id', '=', runId).forUpdate()
  const rows = await tx
    .with('due', () => due)
    .updateTable('runs')
    .from('due')
    .set({ status: 'expired', finished_at: sql<Date>`least(runs.expires_at, runs.lease_expires_at)` })
    .whereRef('runs.id', '=', 'due.id')
    .where('runs.status', '=', 'running')
    .returningAll('runs')
    .execute()
  return rows.map(toRun)
}

function after(seconds: number) {
  return sql<Date>`now() + make_interval(secs => ${seconds})`
}

function endAfter(seconds: number) {
  return sql<Date>`date_trunc('second', now()) + make_interval(secs => ${seconds})`
}
