import {
  type OpenedBy,
  type ProblemCode,
  type ProviderId,
  parseEventId,
  type TargetType,
  type VaultConfig
} from '@paperclip/contracts'
import { type Db, intArray, mustDestroyClient, textArray, uuidArray } from '@paperclip/db'
import { sql } from 'kysely'
import type pg from 'pg'
import type { SecretsDatabase } from '../database.js'
import type { StoredVersion } from '../provider/provider.js'
import { resolveStatementText } from './resolve-statement.js'

/** One environment to resolve, and who asks. Ids are lower-case; the caller was authorised before. */
export interface ResolveRequest {
  readonly resolveId: string
  readonly requestId: string
  readonly companyId: string
  readonly targetType: TargetType
  readonly targetId: string
  readonly projectId: string | null
  readonly runId: string | null
  readonly actorType: 'user' | 'agent' | 'service'
  readonly actorId: string
  readonly openedBy: OpenedBy
}

/** What the statement gives back: a bound version (`ordinal` >= 0), or the plain values of an environment (-1). */
export interface ResolveRow {
  readonly n: number
  readonly ordinal: number
  readonly target_type: TargetType
  /** The secret of a binding, or the target of an environment. */
  readonly place_id: string
  readonly version_id: string
  readonly config_path: string
  readonly key: string
  readonly version: number
  readonly provider: ProviderId
  readonly external_ref: string | null
  readonly provider_version_ref: string | null
  readonly provider_config_id: string | null
  readonly managed_mode: StoredVersion['managedMode']
  readonly vault_config: VaultConfig | null
  readonly code: ProblemCode | null
  readonly sealed: Buffer | null
  readonly plain: string | null
  readonly stale: boolean
}

const statementName = 'resolve-1'

/**
 * Runs the resolve statement for some requests and gives the rows of each, in order. When this resolves, the
 * events are committed. A replayed request violates `secret_access_events_pkey` and takes its batch with it.
 *
 * Items go in by order of their resolve id, so that two processes inserting the same ids never deadlock.
 */
export async function recordAndRead(
  pool: pg.Pool,
  requests: readonly ResolveRequest[]
): Promise<ResolveRow[][]> {
  const order = requests
    .map((request, index) => ({ request, index }))
    .sort((a, b) => (a.request.resolveId < b.request.resolveId ? -1 : 1))
  const sorted = order.map(({ request }) => request)
  const client = await pool.connect()
  let failure: unknown
  try {
    const { rows } = await client.query<ResolveRow>({
      name: statementName,
      text: resolveStatementText,
      values: [
        intArray(order.map(({ index }) => index)),
        uuidArray(sorted.map((request) => request.resolveId)),
        uuidArray(sorted.map((request) => request.companyId)),
        textArray(sorted.map((request) => request.targetType)),
        uuidArray(sorted.map((request) => request.targetId)),
        uuidArray(sorted.map((request) => request.projectId)),
        textArray(sorted.map((request) => request.actorType)),
        textArray(sorted.map((request) => request.actorId)),
        textArray(sorted.map((request) => JSON.stringify(request.openedBy))),
        uuidArray(sorted.map((request) => request.runId)),
        textArray(sorted.map((request) => request.requestId))
      ]
    })
    const groups: ResolveRow[][] = requests.map(() => [])
    for (const row of rows) groups[row.n]?.push(row)
    return groups
  } catch (error) {
    failure = error
    throw error
  } finally {
    client.release(failure !== undefined && mustDestroyClient(failure))
  }
}

/** An access event that follows a `success` whose value then did not leave after all. */
export interface FollowUp {
  readonly companyId: string
  readonly eventId: string
  /** A fresh resolve id; ordinals count from 0 within one call. */
  readonly resolveId: string
  readonly code: string
}

/**
 * Records that values which were announced did not leave, in one statement; each row repeats its event but for outcome
 * and code.
 */
export async function insertFollowUps(
  db: Db<SecretsDatabase>,
  followUps: readonly FollowUp[]
): Promise<void> {
  const followed = followUps.map((followUp) => parseEventId(followUp.eventId))
  await sql`
    insert into secret_access_events (
      company_id, resolve_id, ordinal, secret_id, secret_key, version, provider, actor_type, actor_id, opened_by,
      target_type, target_id, config_path, run_id, outcome, code, follows_event_id, request_id
    )
    select e.company_id, f.resolve_id, f.ordinal, e.secret_id, e.secret_key, e.version, e.provider, e.actor_type,
      e.actor_id, e.opened_by, e.target_type, e.target_id, e.config_path, e.run_id, 'failure', f.code, f.event_id,
      e.request_id
    from unnest(
      ${uuidArray(followUps.map(({ companyId }) => companyId))}::uuid[],
      ${uuidArray(followUps.map(({ resolveId }) => resolveId))}::uuid[],
      ${intArray(followUps.map((_, ordinal) => ordinal))}::int[],
      ${textArray(followUps.map(({ code }) => code))}::text[],
      ${uuidArray(followUps.map((followUp) => followUp.eventId))}::uuid[],
      ${uuidArray(followed.map(({ resolveId }) => resolveId))}::uuid[],
      ${intArray(followed.map(({ ordinal }) => ordinal))}::int[]
    ) as f (company_id, resolve_id, ordinal, code, event_id, followed_id, followed_ordinal)
    join secret_access_events e
      on e.company_id = f.company_id and e.resolve_id = f.followed_id and e.ordinal = f.followed_ordinal`.execute(
    db
  )
}
